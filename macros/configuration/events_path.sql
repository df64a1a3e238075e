{#-
    Where the events are: vars.events_path, or the demo shop in the state folder. A local path is without what says nothing,
    so that one file never has two names: ./shop//a.csv is shop/a.csv.
-#}
{% macro events_path() %}
    {% set path = var('events_path') or (env_var('LIKELY_BUYERS_STATE', '') or 'warehouse') ~ '/demo_shop' %}
    {% do return(path if '://' in path else modules.re.sub('(?<=/)(?:[.]?/)+|^(?:[.]/+)+(?=.)', '', path)) %}
{% endmacro %}
