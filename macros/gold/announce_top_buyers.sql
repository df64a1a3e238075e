{#- Post-hook: says on the console how many users were selected, and when none was, how many came close. -#}
{% macro announce_top_buyers() %}
    {% set selected = looked_up("select count(*) from " ~ this) if execute %}
    {% call tell() %}
        select
            {{ "'top_buyers'" if selected else "'no_top_buyers'" }} as what,
            *,
            {{ selected }} as selected,
            0.8 * low as near,
            {{ 0 if selected else "(select count(*) from " ~ ref('predictions') ~ " where probability >= 0.8 * low)" }} as close
        from (
            select *, greatest({{ var('min_probability') or 0 }}, {{ var('min_lift') or 0 }} * mean) as low
            from (
                select
                    count(*) as users,
                    cast(ceil(count(*) * {{ var('top_fraction') }}) as bigint) as places,
                    100 * {{ var('top_fraction') }} as percent,
                    coalesce(max(probability), 0) as highest,
                    coalesce(sum(cast(probability as decimal(18, 12))) / count(*), 0) as mean
                from {{ ref('predictions') }}
            ) as scored_users
        ) as bound
    {% endcall %}
{% endmacro %}
