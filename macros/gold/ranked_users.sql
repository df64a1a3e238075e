{#-
    Select of user_id, outcome and rank, from 1 on: by falling probability, then by user_id, within the outcome. Ranked within slices of
    the probability and from the users above the slice on, so that no sort has to see everybody.

    places: select of outcome and places; of users beyond these places not all are there.
-#}
{% macro ranked_users(places) %}
    {%- set slice = "floor(coalesce(probability, -1) * 10000)" %}
    select
        scores.user_id,
        scores.outcome,
        cast(slices.users_above + row_number() over (
            partition by scores.outcome, slices.slice order by scores.probability desc nulls last, scores.user_id asc
        ) as {{ dbt.type_bigint() }}) as rank
    from {{ ref('predictions') }} as scores
    inner join (
        select
            outcome,
            {{ slice }} as slice,
            (sum(count(*)) over (partition by outcome order by {{ slice }} desc)) - count(*) as users_above
        from {{ ref('predictions') }}
        group by outcome, {{ slice }}
    ) as slices on scores.outcome = slices.outcome and {{ slice }} = slices.slice
    inner join ({{ places }}) as listed on slices.outcome = listed.outcome and slices.users_above < listed.places
{% endmacro %}
