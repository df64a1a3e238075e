-- A list of the day that scores speak from holds the likeliest users from rank 1 down without a gap, by the scores that they had when it
-- was made. Later events of that day change scores and no list: who was given others since is told by the history, which keeps the first.
with current_lists as (
    select
        audiences.campaign,
        audiences.rank,
        row_number() over (
            partition by audiences.campaign
            order by audiences.probability desc, audiences.user_id asc
        ) as expected_rank,
        audiences.probability <> predictions.probability and predictions.probability = history.probability as has_other_score
    from {{ ref('audiences') }} as audiences
    {%- for relation, alias in [('predictions', 'predictions'), ('prediction_history', 'history')] %}
    left join {{ ref(relation) }} as {{ alias }}
        on
            audiences.user_id = {{ alias }}.user_id
            and audiences.outcome = {{ alias }}.outcome
            and audiences.as_of_date = {{ alias }}.as_of_date
            and audiences.model_name = {{ alias }}.model_name
            and audiences.model_version = {{ alias }}.model_version
            and audiences.horizon_days = {{ alias }}.horizon_days
    {%- endfor %}
    where audiences.as_of_date = (select max(as_of_date) from {{ ref('predictions') }})
)

select * from current_lists
where rank <> expected_rank or has_other_score
