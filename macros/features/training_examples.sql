{#-
    One row per sampled user and cutoff: features at the cutoff and, as label_<outcome>, whether the user met the outcome in the
    horizon after it. Null where the cutoff is none of the outcome's, or the user not of its population.

    cutoffs     CTE with `outcome`, `cutoff_date` and `horizon_days`, whose horizons are over
    user_days   relation with one row per user and day
    most_users  users known by as_of, chosen by a hash of their id: the same ones whatever the order of rows and
                however the shop grows
-#}
{% macro training_examples(cutoffs, user_days, most_users) %}
with training_users as (
    select user_id
    from (
        select distinct user_id from {{ user_days }}
        where event_date < {{ as_of_date(user_days) }}
    ) as known_users
    order by md5(user_id), user_id
    limit {{ most_users }}
),

cutoff_days as (
    select distinct cutoff_date
    from {{ cutoffs }}
),

features as (
    {{ user_features('cutoff_days', user_days, users='training_users') }}
),

met as (
    {{ who_met(cutoffs, first_day='cutoff_date') }}
),

labelled as (
    select
        features.*,
        {%- for outcome in outcomes() %}
        case
            when features.cutoff_date in (select cutoff_date from {{ cutoffs }} where outcome = '{{ outcome.name }}')
                {%- if outcome.population %} and coalesce(({{ outcome.population }}), false){% endif %}
                then met_{{ outcome.name }}.user_id is not null
        end as label_{{ outcome.name }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from features
    {%- for outcome in outcomes() %}
    left join met as met_{{ outcome.name }}
        on
            features.user_id = met_{{ outcome.name }}.user_id
            and features.cutoff_date = met_{{ outcome.name }}.as_of_date
            and met_{{ outcome.name }}.outcome = '{{ outcome.name }}'
    {%- endfor %}
)

select * from labelled
where coalesce({% for outcome in outcomes() %}label_{{ outcome.name }}{{ ", " if not loop.last }}{% endfor %}) is not null
{% endmacro %}
