{#-
    The relation of dbt that vars.events_relation names, so that dbt builds it first; none where it names none. What else it
    may be is checked once it is read (sources/relation/setting.py).
-#}
{% macro events_relation_of_dbt() %}
    {% set given = var('events_relation', none) %}
    {% do return(relation_of_dbt(given.get('relation') if given is mapping else given)) %}
{% endmacro %}

{#- The relation that a text such as ref('model') or source("name", "table") names; none of another text. -#}
{% macro relation_of_dbt(text) %}
    {% set text, name = text | string | trim, "\\s*['\"]([A-Za-z0-9_.-]+)['\"]\\s*" %}
    {% set found = modules.re.fullmatch('ref\\(' ~ name ~ '(?:,' ~ name ~ ')?\\)', text) %}
    {% if found %}{% do return(ref(*(found.groups() | select))) %}{% endif %}
    {% set found = modules.re.fullmatch('source\\(' ~ name ~ ',' ~ name ~ '\\)', text) %}
    {% do return(source(*found.groups()) if found else none) %}
{% endmacro %}

{#- A table that is kept beside the models of bronze. -#}
{% macro log_table(name) %}
    {% do return(relation_of('bronze', name)) %}
{% endmacro %}

{#- A table or view of the target. Spark has no databases above schemas. -#}
{% macro relation_of(schema, name) %}
    {% do return(api.Relation.create(database=none if target.type == 'spark' else target.database, schema=schema, identifier=name)) %}
{% endmacro %}
