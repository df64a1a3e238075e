{#-
    The files of this load, settled before a line of them is read (`plan_delivery` in python/likely_buyers/sources says
    what is in a file). is_full: raw_events is built anew.
-#}
{% macro plan_delivery(is_full, load_id, raw_events=none) %}
    {% set known = [] %}
    {% if not is_full and log_table_exists('file_register') %}
        {% set rows = run_query(
            "select source_file, size_bytes, cast(modified_at as varchar), coalesce(digest, ''), coalesce(same_content_as, ''),"
            ~ " event_mapping from " ~ log_table('file_register')
            ~ " qualify row_number() over (partition by source_file order by load_id desc) = 1").rows %}
        {% for row in rows %}
            {% if row[5] != var('event_mapping') %}
                {% do stop("this warehouse holds events read with the event mapping '" ~ row[5]
                    ~ "', and vars.event_mapping is '" ~ var('event_mapping')
                    ~ "' now. Give each source a state folder of its own (LIKELY_BUYERS_STATE=...),"
                    ~ " or start over from vars.events_path: dbt build --full-refresh.") %}
            {% endif %}
            {% do known.append([row[0], row[1] | int, row[2] | string, row[3], row[4]]) %}
        {% endfor %}
    {% endif %}
    {% if events_relation() is not none %}
        {% do return(plan_relation(is_full, load_id, raw_events)) %}
    {% endif %}
    {% set delivery = source_function('plan_delivery', {
        'events_path': events_path(), 'mapping_name': var('event_mapping'), 'mapping': event_mapping(), 'known': known,
        'load_id': load_id,
    }) %}
    {% for pair in delivery.same_content %}
        {% do log("likely_buyers: the file '" ~ pair[0] ~ "' has the content of '" ~ pair[1]
            ~ "', which is loaded: it is not loaded again.", info=true) %}
    {% endfor %}
    {% set files = delivery.files %}
    {% if files and not known and not files | selectattr('columns') | list %}
        {% do stop("events_path '" ~ events_path() ~ "' holds no line: every file there is empty ("
            ~ files | map(attribute='path') | join(', ') ~ "). Deliver the events, then run dbt build.") %}
    {% endif %}
    {% for file in files %}
        {% if not file.columns %}
            {% do exceptions.warn("likely_buyers: the file '" ~ file.path ~ "' is empty: no line in it.") %}
        {% elif file.renamed %}
            {% do exceptions.warn("likely_buyers: the header of '" ~ file.path
                ~ "' has names that are empty or come twice; bronze calls these columns " ~ file.renamed | join(', ') ~ ".") %}
        {% endif %}
    {% endfor %}
    {% do return(delivery) %}
{% endmacro %}

{#- A function of the plugin (python/likely_buyers/dbt/plugin.py) that takes and gives JSON. -#}
{% macro source_function(name, request) %}
    {% if not execute %}{% do return({'files': [], 'columns': {}, 'types': []}) %}{% endif %}
    {% set answer = fromjson(run_query(
        "select " ~ name ~ "(" ~ sql_text(tojson(request)) ~ ")").columns[0].values()[0]) %}
    {% if answer.problem %}
        {% do stop(answer.problem) %}
    {% endif %}
    {% do return(answer.result) %}
{% endmacro %}

{#- Files of the delivery that are read: not the empty ones, nor those whose content is loaded already. -#}
{% macro files_to_read(delivery) %}
    {% do return(delivery.files | selectattr('columns') | rejectattr('same_as') | list) %}
{% endmacro %}
