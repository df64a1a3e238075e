{{ config(materialized="table_on_change") }}

with contributions as (
    select * from {{ ref('top_buyer_contributions') }}
),

feature_labels as (
    select * from {{ ref('feature_labels') }}
),

labelled_contributions as (
    select
        contributions.user_id,
        contributions.outcome,
        contributions.as_of_date,
        contributions.model_name,
        contributions.model_version,
        contributions.reason_rank,
        contributions.feature,
        contributions.feature_value,
        contributions.contribution,
        contributions.mean_contribution,
        -- rounded first: of a half engines make different decimals
        case feature_labels.decimals
            when 2 then cast(cast(round(contributions.feature_value * 100) / 100 as decimal(38, 2)) as {{ dbt.type_string() }})
            when 1 then cast(cast(round(contributions.feature_value * 10) / 10 as decimal(38, 1)) as {{ dbt.type_string() }})
            else cast(cast(round(contributions.feature_value) as decimal(38, 0)) as {{ dbt.type_string() }})
        end as shown_value,
        case
            when contributions.feature_value is null then feature_labels.label_if_missing
            when contributions.feature_value = 0 then coalesce(feature_labels.label_if_zero, feature_labels.label)
            else feature_labels.label
        end as label
    from contributions
    inner join feature_labels on contributions.feature = feature_labels.feature
),

top_buyer_reasons as (
    select
        user_id,
        outcome,
        as_of_date,
        model_name,
        model_version,
        reason_rank,
        feature,
        feature_value,
        contribution,
        mean_contribution,
        {{ dbt.replace(
            dbt.replace('label', "'{value}'", "coalesce(shown_value, '')"),
            "'{s}'", "case when shown_value = '1' then '' else 's' end"
        ) }} as reason
    from labelled_contributions
)

select * from top_buyer_reasons
