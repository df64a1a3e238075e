-- One definition of the features: at every cutoff in the examples, as_of is served by the same macro, so the
-- features of a sampled user at the oldest cutoff equal those that scoring would have given on that day.
with oldest_cutoff as (
    select min(cutoff_date) as cutoff_date
    from {{ ref('examples') }}
),

scoring_features as (
    {{ user_features('oldest_cutoff', ref('user_days')) }}
),

of_sampled_users as (
    select
        scoring_features.user_id,
        {{ user_feature_columns('scoring_features') }}
    from scoring_features
    inner join {{ ref('examples') }} as examples
        on
            scoring_features.user_id = examples.user_id
            and scoring_features.cutoff_date = examples.cutoff_date
),

in_examples as (
    select
        examples.user_id,
        {{ user_feature_columns('examples') }}
    from {{ ref('examples') }} as examples
    inner join oldest_cutoff on examples.cutoff_date = oldest_cutoff.cutoff_date
),

only_in_scoring as (
    select * from of_sampled_users
    except
    select * from in_examples
),

only_in_examples as (
    select * from in_examples
    except
    select * from of_sampled_users
)

select * from only_in_scoring
union all
select * from only_in_examples
