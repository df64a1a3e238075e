{%- do check_as_of(ref('user_days')) %}

with scoring_cutoff as (
    select {{ as_of_date(ref('user_days')) }} as cutoff_date
),

features as (
    {{ user_features('scoring_cutoff', ref('user_days')) }}
),

user_features as (
    select
        user_id,
        cutoff_date as as_of_date,
        {{ user_feature_columns() }}
    from features
)

select * from user_features
