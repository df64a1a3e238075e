{{ config(materialized="table_on_change") }}

{%- set figures = ['roc_auc', 'precision_1pct', 'precision_5pct', 'precision_10pct', 'precision_20pct', 'brier'] %}

with sets as (
    select
        estimates.*,
        expected.expected_buyers_low,
        expected.expected_buyers_high,
        actual.buyers as actual_buyers,
        {%- for figure in figures %}
        {{ 'actual.' ~ figure if not figure.startswith('precision') else 'actual.' ~ figure.replace('precision', 'lift') ~ ' * actual.base_rate' }} as actual_{{ figure }},
        {%- endfor %}
        actual.expected_over_observed
    from {{ ref('expected_performance') }} as estimates
    left join {{ ref('expected_buyers') }} as expected
        on
            estimates.as_of_date = expected.as_of_date
            and estimates.model_name = expected.model_name
            and estimates.model_version = expected.model_version
    left join {{ ref('model_performance') }} as actual
        on
            estimates.as_of_date = actual.as_of_date
            and estimates.model_name = actual.model_name
            and estimates.model_version = actual.model_version
),

-- of each set, how far the estimates were off whose horizon was over by then
past_errors as (
    select
        sets.as_of_date,
        sets.model_name,
        sets.model_version,
        count(*) as past_sets,
        {{ exact_sum('abs(past.roc_auc - past.actual_roc_auc)') }} / nullif(count(past.actual_roc_auc), 0) as past_roc_auc_error,
        {{ exact_sum('abs(past.precision_10pct - past.actual_precision_10pct)') }} / nullif(count(past.actual_precision_10pct), 0)
            as past_precision_10pct_error,
        exp({{ exact_sum('abs(ln(past.expected_over_observed))') }} / nullif(count(past.expected_over_observed), 0)) as past_level_factor
    from sets
    inner join sets as past
        on
            sets.outcome = past.outcome
            and {{ horizon_end('past') }} <= sets.as_of_date
            and past.actual_buyers is not null
    group by sets.as_of_date, sets.model_name, sets.model_version
),

estimated_performance as (
    select
        sets.outcome,
        sets.as_of_date,
        sets.horizon_days,
        sets.model_name,
        sets.model_version,
        sets.users,
        sets.expected_buyers,
        sets.expected_buyers_low,
        sets.expected_buyers_high,
        {%- for figure in figures %}
        sets.{{ figure }} as estimated_{{ figure }},
        {%- endfor %}
        sets.actual_buyers,
        {%- for figure in figures %}
        sets.actual_{{ figure }},
        {%- endfor %}
        sets.expected_over_observed,
        cast(coalesce(past_errors.past_sets, 0) as {{ dbt.type_int() }}) as past_sets,
        past_errors.past_roc_auc_error,
        past_errors.past_precision_10pct_error,
        past_errors.past_level_factor
    from sets
    left join past_errors
        on
            sets.as_of_date = past_errors.as_of_date
            and sets.model_name = past_errors.model_name
            and sets.model_version = past_errors.model_version
)

select * from estimated_performance
