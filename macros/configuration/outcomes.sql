{#-
    What is predicted: vars.outcomes, or the one outcome that vars.horizon_days is short for, with all that may be left out.
    What may stand there is checked in python/likely_buyers/outcomes.py.
-#}
{% macro outcomes() %}
    {% set days, found = var('horizon_days'), [] %}
    {% set given = var('outcomes') if days is none else {'purchase_' ~ days | int ~ 'd': {'horizon_days': days}} %}
    {% for name, told in given.items() %}
        {% do found.append({
            'name': name, 'event': told.event or 'purchase', 'horizon_days': told.horizon_days | int, 'where': told.where,
            'at_least': told.at_least or 1, 'population': told.population, 'model_name': var('model_name') ~ '.' ~ name,
        }) %}
    {% endfor %}
    {% do return(found) %}
{% endmacro %}

{#- Their names, as a list in SQL. -#}
{% macro outcome_names() -%}
    '{{ outcomes() | map(attribute='name') | join("', '") }}'
{%- endmacro %}

{#- Select of who did what an outcome asks for on which day, and how often (times). -#}
{% macro outcome_days(outcome) %}
    {#- always: dbt is to see that there may be a need of it -#}
    {%- set events = ref('events') %}
    {%- if outcome.where %}
    select
        user_id,
        event_date,
        count(*) as times
    from {{ events }}
    where event_type = '{{ outcome.event }}' and ({{ outcome.where }})
    group by user_id, event_date
    {%- else %}
    {%- set count = {'purchase': 'purchases', 'view': 'views', 'cart': 'carts', 'remove_from_cart': 'removals', 'refund': 'refunds'}[outcome.event] %}
    select
        user_id,
        event_date,
        {{ count }} as times
    from {{ ref('user_days') }}
    where {{ count }} > 0
    {%- endif %}
{% endmacro %}

{#-
    Select of outcome, event_date and a digest, whatever the order of rows, of who did on that day what the outcome asks for; from each
    outcome's first_day on, where a relation has these.
-#}
{% macro outcome_digests(first_days=none) %}
    {%- for outcome in outcomes() %}
    select
        '{{ outcome.name }}' as outcome,
        days.event_date,
        sum(cast({{ fast_hash(['days.user_id', 'days.event_date'] + (['days.times'] if outcome.at_least > 1 else [])) }} as decimal(20, 0))) as digest
    from ({{ outcome_days(outcome) }}) as days
    {%- if first_days %}
    inner join {{ first_days }} as since on since.outcome = '{{ outcome.name }}' and days.event_date >= since.first_day
    {%- endif %}
    group by days.event_date
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#- Select of the users who met each outcome in the horizons, a relation of outcome, first_day (as_of_date) and horizon_days. -#}
{% macro who_met(horizons, first_day='as_of_date') %}
    {%- for outcome in outcomes() %}
    select
        horizons.outcome,
        horizons.as_of_date,
        horizons.horizon_days,
        days.user_id
    from (
        select distinct
            outcome,
            {{ first_day ~ ' as as_of_date' if first_day != 'as_of_date' else first_day }},
            horizon_days
        from {{ horizons }}
        where outcome = '{{ outcome.name }}'
    ) as horizons
    inner join ({{ outcome_days(outcome) }}) as days
        on
            horizons.as_of_date <= days.event_date
            and {{ horizon_end('horizons') }} > days.event_date
    group by horizons.outcome, horizons.as_of_date, horizons.horizon_days, days.user_id
    {%- if outcome.at_least > 1 %}
    having sum(days.times) >= {{ outcome.at_least }}
    {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{% endmacro %}
