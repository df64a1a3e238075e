{{
    config(
        materialized="table_on_change",
        tblproperties={"delta.enableRowTracking": "true", "delta.dataSkippingNumIndexedCols": "0"},
        pre_hook="{{ begin_features() }}",
    )
}}

{%- do check_as_of(ref('user_days')) %}

with scoring_cutoff as (
    select {{ as_of_date(ref('user_days')) }} as cutoff_date
),

user_features as (
    {{ user_features('scoring_cutoff', ref('user_days'), cutoff_name='as_of_date') }}
)

select * from user_features
