-- A list that today's scores made holds the likeliest users from rank 1 down without a gap, by the scores they had.
-- (Lists made earlier were tested by the build that made them.)
with current_lists as (
    select
        audiences.campaign,
        audiences.rank,
        audiences.probability,
        predictions.probability as current_probability,
        row_number() over (
            partition by audiences.campaign
            order by predictions.probability desc nulls last, audiences.user_id asc
        ) as expected_rank
    from {{ ref('audiences') }} as audiences
    inner join {{ ref('predictions') }} as predictions
        on
            audiences.user_id = predictions.user_id
            and audiences.outcome = predictions.outcome
            and audiences.as_of_date = predictions.as_of_date
            and audiences.model_name = predictions.model_name
            and audiences.model_version = predictions.model_version
            and audiences.horizon_days = predictions.horizon_days
    where audiences.as_of_date = (select max(as_of_date) from {{ ref('predictions') }})
)

select * from current_lists
where rank <> expected_rank or probability <> current_probability
