{#- vars.events_relation as a mapping, checked; none where it is not set. -#}
{% macro events_relation() %}
    {% do return(source_function('check_relation', {
        'events_relation': var('events_relation', none), 'events_path': var('events_path')})) %}
{% endmacro %}

{#-
    The relation of dbt that vars.events_relation names, so that dbt builds it first; none where it names none. What else it
    may be is checked once it is read (sources/relation/setting.py).
-#}
{% macro events_relation_of_dbt() %}
    {% set given = var('events_relation', none) %}
    {% set text = (given.get('relation') if given is mapping else given) | string | trim %}
    {% set name = "\\s*['\"]([A-Za-z0-9_.-]+)['\"]\\s*" %}
    {% set found = modules.re.fullmatch('ref\\(' ~ name ~ '(?:,' ~ name ~ ')?\\)', text) %}
    {% if found %}{% do return(ref(*(found.groups() | select))) %}{% endif %}
    {% set found = modules.re.fullmatch('source\\(' ~ name ~ ',' ~ name ~ '\\)', text) %}
    {% do return(source(*found.groups()) if found else none) %}
{% endmacro %}
