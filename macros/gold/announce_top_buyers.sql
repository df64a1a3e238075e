{#- Post-hook: says on the console how many users were selected for each outcome, and where none was, how many came close. -#}
{% macro announce_top_buyers() %}
    {% call tell() %}
        select
            case when selected > 0 then 'top_buyers' else 'no_top_buyers' end as what,
            case when count(*) over () > 1 then concat(' for ', outcome) else '' end as of_outcome,
            *
        from (
            select
                bounds.*,
                0.8 * low as near,
                (select count(*) from {{ this }} as listed where listed.outcome = bounds.outcome) as selected,
                (
                    select count(*) from {{ ref('predictions') }} as scored
                    where scored.outcome = bounds.outcome and scored.probability >= 0.8 * bounds.low
                ) as close
            from (
                select *, greatest({{ var('min_probability') or 0 }}, {{ var('min_lift') or 0 }} * mean) as low
                from (
                    select
                        outcome,
                        count(*) as users,
                        cast(ceil(count(*) * {{ var('top_fraction') }}) as bigint) as places,
                        100 * {{ var('top_fraction') }} as percent,
                        max(probability) as highest,
                        sum(cast(probability as decimal(18, 12))) / count(*) as mean
                    from {{ ref('predictions') }}
                    group by outcome
                ) as scored_users
            ) as bounds
            order by outcome
        ) as lists
    {% endcall %}
{% endmacro %}
