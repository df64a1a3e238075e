-- One definition of the features: those of the sampled users at the oldest cutoff of the examples equal those that
-- scoring would have given on that day.
{%- set columns = [] %}
{%- if execute %}
{%- for column in adapter.get_columns_in_relation(ref('examples')) if column.name != 'as_of_date' and not column.name.startswith('label_') %}
{%- do columns.append('features.' ~ column.name) %}
{%- endfor %}
{%- endif %}
{#- before the first training there is nothing to compare -#}
{%- set columns = columns or ['features.user_id'] %}

with oldest_cutoff as (
    select min(cutoff_date) as cutoff_date
    from {{ ref('examples') }}
),

scoring_features as (
    {{ user_features('oldest_cutoff', ref('user_days')) }}
),

of_scoring as (
    select {{ columns | join(', ') }}
    from scoring_features as features
    inner join {{ ref('examples') }} as examples
        on
            features.user_id = examples.user_id
            and features.cutoff_date = examples.cutoff_date
),

of_training as (
    select {{ columns | join(', ') }}
    from {{ ref('examples') }} as features
    inner join oldest_cutoff on features.cutoff_date = oldest_cutoff.cutoff_date
),

counted_rows as (
    select
        {{ columns | map("replace", "features.", "") | join(", ") }},
        count(*) as times
    from (
        select * from of_scoring
        union all
        select * from of_training
    ) as features
    group by {{ columns | map("replace", "features.", "") | join(", ") }}
)

select * from counted_rows
where times <> 2
