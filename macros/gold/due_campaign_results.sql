{#-
    Select of the campaigns whose horizon is over by as_of and whose outcome is not in this table as it is now known,
    with purchase_digest: an order-free digest of who purchased for how much on which day of the horizon. As in
    `due_performance`, a campaign is computed once, and again exactly when a purchase of its horizon changed.
-#}
{% macro due_campaign_results(campaigns, user_days) %}
    select
        finished.campaign,
        coalesce(sum(purchase_digests.digest), 0) as purchase_digest
    from (
        select * from {{ campaigns }} as campaigns
        where {{ horizon_end('campaigns') }} <= {{ as_of_date(user_days) }}
    ) as finished
    left join (
        select
            event_date,
            sum(cast({{ fast_hash(['user_id', 'event_date', 'revenue']) }} as decimal(20, 0))) as digest
        from {{ user_days }}
        where
            purchases > 0
            and event_date >= (
                select min(campaigns.as_of_date) from {{ campaigns }} as campaigns
                where {{ horizon_end('campaigns') }} <= {{ as_of_date(user_days) }}
            )
        group by event_date
    ) as purchase_digests
        on
            finished.as_of_date <= purchase_digests.event_date
            and {{ horizon_end('finished') }} > purchase_digests.event_date
    group by finished.campaign
    {%- if is_incremental() %}
    except
    select
        campaign,
        purchase_digest
    from {{ this }}
    {%- endif %}
{% endmacro %}
