{#- Where the events are: vars.events_path, or the demo shop in the state folder. -#}
{% macro events_path() %}
    {% do return(var('events_path') or env_var('LIKELY_BUYERS_STATE', 'warehouse') ~ '/demo_shop') %}
{% endmacro %}
