{#-
    The event mapping that `vars.event_mapping` picks, as it was written. What may stand in it is checked, and what it
    means compiled, in python/likely_buyers/sources/mapping. Jinja reads off it what must be known while dbt parses.
-#}
{% macro event_mapping() %}
    {% set mappings, name = var('event_mappings'), var('event_mapping') %}
    {% if mappings is mapping and name is string and mappings.get(name) is mapping %}
        {% do return(mappings[name]) %}
    {% endif %}
    {% do check_configuration() %}
    {% do return({}) %}
{% endmacro %}

{#-
    Runs before the first model: a setting that cannot be meant stops the build before anything is written. Numbers, dates
    and names of settings are checked by python/likely_buyers/variables.py, before dbt opens the database.
-#}
{% macro check_configuration() %}
    {% do plugin_function('check_settings', {
        'mappings': var('event_mappings'), 'mapping_name': var('event_mapping'),
        'events_relation': var('events_relation', none), 'events_path': var('events_path'),
        'predicted': {'model_name': var('model_name'), 'outcomes': var('outcomes'), 'horizon_days': var('horizon_days')},
        'columns': {'events': columns_of('events'), 'features': columns_of('user_features', ['user_id', 'as_of_date'])}}) %}
{% endmacro %}

{#- Columns of a model, less some, as it is described: name -> type. None of a model that is not in the project. -#}
{% macro columns_of(model, less=[]) %}
    {% set columns = {} %}
    {% set node = graph.get('nodes', {}).get('model.' ~ project_name ~ '.' ~ model) or {'columns': {}} %}
    {% for name, column in node.columns.items() if name not in less %}
        {% do columns.update({name: column.data_type}) %}
    {% endfor %}
    {% do return(columns) %}
{% endmacro %}

{#-
    What models are made of: `Compiler.compiled` in python/likely_buyers/sources/mapping says what is in it. It is
    remembered there, so that it may be asked for wherever it is needed. Empty where nothing can be asked: while dbt
    parses, and without a connection (--no-introspect).
-#}
{% macro compiled_mapping() %}
    {% set raw_events, relations = ref('raw_events'), mapped_relations() %}
    {% set loaded_files = ref('loaded_files') | string if event_mapping().get('sources') else '' %}
    {% if not execute or not flags.INTROSPECT %}
        {% set nothing = {} %}
        {% for column in event_columns().split(', ') %}{% do nothing.update({column: {}}) %}{% endfor %}
        {% do return({'expressions': nothing}) %}
    {% endif %}
    {% do return(plugin_function('compiled_mapping', {
        'mapping': event_mapping(), 'mapping_name': var('event_mapping'), 'relations': relations,
        'raw_events': raw_events | string if can_be_read(raw_events) else none, 'loaded_files': loaded_files,
        'register': log_table('file_register') | string,
    })) %}
{% endmacro %}

{#- Those of the mapping's sources that are relations of dbt, which builds them first: source -> relation. -#}
{% macro mapped_relations() %}
    {% set sources, relations = event_mapping().get('sources'), {} %}
    {% for name, pattern in (sources.items() if sources is mapping else []) %}
        {% set found = relation_of_dbt(pattern) %}
        {% if found %}{% do relations.update({name: found | string}) %}{% endif %}
    {% endfor %}
    {% do return(relations) %}
{% endmacro %}
