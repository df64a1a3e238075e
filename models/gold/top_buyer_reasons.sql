{{ config(materialized="table_on_change") }}

with contributions as (
    select * from {{ ref('top_buyer_contributions') }}
),

feature_words as (
    select * from {{ ref('feature_words') }}
),

worded_contributions as (
    select
        contributions.user_id,
        contributions.as_of_date,
        contributions.model_name,
        contributions.model_version,
        contributions.reason_rank,
        contributions.feature,
        contributions.feature_value,
        contributions.contribution,
        contributions.mean_contribution,
        feature_words.decimals,
        case
            when contributions.feature_value is null then feature_words.words_if_missing
            when contributions.feature_value = 0 then coalesce(feature_words.words_if_zero, feature_words.words)
            else feature_words.words
        end as words
    from contributions
    inner join feature_words on contributions.feature = feature_words.feature
),

top_buyer_reasons as (
    select
        user_id,
        as_of_date,
        model_name,
        model_version,
        reason_rank,
        feature,
        feature_value,
        contribution,
        mean_contribution,
        {{ reason_in_words('words', 'feature_value', 'decimals') }} as reason
    from worded_contributions
)

select * from top_buyer_reasons
