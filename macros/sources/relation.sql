{#-
    vars.events_relation: {relation: "ref('model')", ...} or {database: ..., table: ..., ...}, as text short for the first; none
    if it is not set. What its keys may be is checked where it is read (sources/relation.py).
-#}
{% macro events_relation() %}
    {% set given = var('events_relation', none) %}
    {% if given is none or given == '' %}{% do return(none) %}{% endif %}
    {% if var('events_path') %}
        {% do stop("both vars.events_path (" ~ var('events_path') ~ ") and vars.events_relation (" ~ relation_in_words(given)
            ~ ") are given. Events come from one of them: set the other to null.") %}
    {% endif %}
    {% if given is string %}{% do return({'relation': given}) %}{% endif %}
    {% if given is not mapping %}
        {% do stop("vars.events_relation must be \"ref('model')\", \"source('name', 'table')\", or a mapping such as"
            ~ " {database: postgres, table: public.orders, cursor: updated_at, key: [id]}; found: " ~ given ~ ".") %}
    {% endif %}
    {% do return(given) %}
{% endmacro %}

{% macro relation_in_words(given) %}
    {% do return(given if given is string else given.get('relation') or given.get('table') or 'a mapping') %}
{% endmacro %}

{#- The relation of dbt that is named, so that dbt builds it first; none where a database is named, or nothing. -#}
{% macro events_relation_of_dbt() %}
    {% set given = events_relation() %}
    {% if given is none or not given.get('relation') %}{% do return(none) %}{% endif %}
    {% set text = given.relation | string | trim %}
    {% set name = "\\s*['\"]([A-Za-z0-9_.-]+)['\"]\\s*" %}
    {% set one = modules.re.fullmatch('ref\\(' ~ name ~ '\\)', text) %}
    {% set two = modules.re.fullmatch('(ref|source)\\(' ~ name ~ ',' ~ name ~ '\\)', text) %}
    {% if one %}
        {% do return(ref(one.group(1))) %}
    {% elif two and two.group(1) == 'ref' %}
        {% do return(ref(two.group(2), two.group(3))) %}
    {% elif two %}
        {% do return(source(two.group(2), two.group(3))) %}
    {% endif %}
    {% do stop("vars.events_relation must name its relation as ref('model') or source('name', 'table'); found: " ~ text
        ~ ". For a table of another database give database and table.") %}
{% endmacro %}

{#- What is new of the relation, as a delivery (`plan_relation` in sources/relation.py). is_full: raw_events is built anew. -#}
{% macro plan_relation(is_full, load_id, raw_events) %}
    {#- compiling, or making the docs, fetches nothing from a server -#}
    {% if flags.WHICH not in ['build', 'run', 'retry'] %}{% do return({'files': []}) %}{% endif %}
    {% if event_mapping().get('sources') %}
        {% do stop("the event mapping '" ~ var('event_mapping') ~ "' has sources, which are files, and vars.events_relation is one"
            ~ " relation. Join in a model of dbt, and name that one.") %}
    {% endif %}
    {% set register = [] %}
    {% if not is_full and log_table_exists('file_register') %}
        {% for row in run_query(
            "select source_file, coalesce(digest, ''), source_columns, cursor_value from " ~ log_table('file_register')
            ~ " where format = 'relation' order by load_id desc").rows %}
            {% do register.append([row[0], row[1], row[2], row[3]]) %}
        {% endfor %}
    {% endif %}
    {% set relation = events_relation_of_dbt() %}
    {% set delivery = source_function('plan_relation', {
        'relation': events_relation(), 'from_clause': relation | string if relation is not none else none,
        'register': register, 'load_id': load_id, 'raw_events': none if is_full else raw_events | string,
    }) %}
    {% for words in delivery.told %}{% do log("likely_buyers: " ~ words, info=true) %}{% endfor %}
    {% do return(delivery) %}
{% endmacro %}

{#- Pre-hook: rows that new versions replace leave, and the loads that they came with have so many lines fewer. -#}
{% macro replace_rows_of_relation(raw_events) %}
    {% for file in source_function('current_delivery', {}).files if file.replaced %}
        update {{ log_table('file_register') }}
        set line_count = file_register.line_count - gone.line_count
        from (
            select load_id, source_file, count(*) as line_count
            from {{ raw_events }}
            where {{ file.replaced }}
            group by load_id, source_file
        ) as gone
        where
            file_register.load_id = gone.load_id and file_register.source_file = gone.source_file
            {# a version of the same name is superseded as a whole #}
            and file_register.source_file <> {{ sql_text(file.path) }};
        delete from {{ raw_events }} where {{ file.replaced }};
    {% endfor %}
{% endmacro %}
