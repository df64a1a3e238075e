{#-
    The rows that the mapping's expressions see: the lines themselves, or what the mapping's `rows` makes of them. Beside
    their own columns they have source_file and load_id.

    lines: select of lines of bronze.raw_events. With `sources` each of them reads its own files' lines.
-#}
{% macro mapped_rows(lines) -%}
    {%- set mapping = event_mapping() -%}
    {%- if not mapping.get('rows') -%}
    ({{ lines }})
    {%- else -%}
    {%- set described = described_rows() -%}
    (
        select
            rows_of_mapping.*
            {%- if 'source_file' not in described %}, cast(null as {{ dbt.type_string() }}) as source_file{% endif %}
            {%- if 'load_id' not in described %}, cast(null as {{ dbt.type_bigint() }}) as load_id{% endif %}
        from ({{ rows_over(lines) }}) as rows_of_mapping
    )
    {%- endif -%}
{%- endmacro %}

{#- The mapping's `rows` over the given lines, with a CTE for each source. -#}
{% macro rows_over(lines, of_source=none) -%}
    {%- set mapping = event_mapping() -%}
    with
    {%- if mapping.get('sources') %}
    {%- for name, pattern in mapping.sources.items() %}
    {{ name }} as (
        {%- if pattern.strip().startswith('ref(') %}
        select * from {{ ref(modules.re.findall("ref[(]\\s*'([^']+)'", pattern)[0]) }}
        {%- elif of_source is not none %}
        {{ of_source[name] }}
        {%- else %}
        select
            {%- for column in columns_of_sources().get(name, []) %} {{ sql_name(column) }},{% endfor %}
            source_file,
            load_id
        from ({{ lines }}) as lines
        where source_file in (select source_file from {{ ref('loaded_files') }} where source = {{ sql_text(name) }})
        {%- endif %}
    ){{ ',' if not loop.last }}
    {%- endfor %}
    {%- else %}
    lines as (
        {{ lines }}
    )
    {%- endif %}
    {{ with_time_zone(mapping.rows) }}
{%- endmacro %}

{#-
    Source -> the columns that its files have: bronze.raw_events has those of all sources, and one source must not hide
    another's with nulls. files: of a delivery, beside those that were loaded.
-#}
{% macro columns_of_sources(files=[]) %}
    {% set columns = {} %}
    {% if log_table_exists('file_register') %}
        {% for row in run_query("select distinct source, source_columns from " ~ log_table('file_register') ~ " order by all").rows if row[0] %}
            {% do columns.setdefault(row[0], []).extend(fromjson(row[1])) %}
        {% endfor %}
    {% endif %}
    {% for file in files %}{% do columns.setdefault(file.source, []).extend(file.columns) %}{% endfor %}
    {% set distinct = {} %}
    {% for source in columns %}
        {% set by_name = {} %}
        {% for name in columns[source] %}{% do by_name.setdefault(name | lower, name) %}{% endfor %}
        {% do distinct.update({source: by_name.values() | list}) %}
    {% endfor %}
    {% do return(distinct) %}
{% endmacro %}

{#- Select of the lines of some loads; a key that no JSON so far had is null. -#}
{% macro raw_lines(pending) -%}
    select * {{- absent_key_columns() }}
    from {{ ref('raw_events') }}
    where load_id in ({{ pending }})
{%- endmacro %}

{#- Name -> type of the rows' columns, in lower case, by the engine; {} where it cannot be asked. -#}
{% macro described_rows() %}
    {% set described = {} %}
    {% if can_be_read(ref('raw_events')) %}
        {% set found = source_function('query_columns', {'query': rows_over(
            "select * " ~ absent_key_columns() ~ " from " ~ ref('raw_events') ~ " where false")}) %}
        {% for name, type in zip(found.columns, found.types) %}{% do described.update({name | lower: type}) %}{% endfor %}
    {% endif %}
    {% do return(described) %}
{% endmacro %}

{% macro absent_key_columns() -%}
    {%- for name in absent_keys() %}, cast(null as {{ dbt.type_string() }}) as {{ sql_name(name) }}{% endfor -%}
{%- endmacro %}

{#-
    Keys that the mapping's `rows` reads and no file of JSON has had so far: JSON leaves out what is not there. The engine
    names them, one after the other.
-#}
{% macro absent_keys(raw=none) %}
    {% set names = [] %}
    {% set mapping = event_mapping() %}
    {% if mapping.get('rows') and execute and (raw is not none or can_be_read(ref('raw_events'))) %}
        {% set lines = raw if raw is not none else "select * from " ~ ref('raw_events') ~ " where false" %}
        {% for attempt in range(30) %}
            {% set added = [] %}
            {% for name in names %}{% do added.append(", cast(null as varchar) as " ~ sql_name(name)) %}{% endfor %}
            {% set answer = source_function('query_columns', {'query': rows_over("select *" ~ added | join('') ~ " from (" ~ lines ~ ") as lines")}) %}
            {% set missing = modules.re.findall('Referenced column "([^"]+)" not found|does not have a column named "([^"]+)"', answer.failure or '') %}
            {% if not missing %}{% do return(names) %}{% endif %}
            {% set name = missing[0][0] or missing[0][1] %}
            {% if name in names %}{% do return(names) %}{% endif %}
            {% do names.append(name) %}
        {% endfor %}
    {% endif %}
    {% do return(names) %}
{% endmacro %}

{#- The rows' own columns, [{name, type}] by name, so that a column added later changes no digest. -#}
{% macro mapped_row_columns() %}
    {% set columns = {} %}
    {% if can_be_read(ref('raw_events')) %}
        {% set query = rows_over("select *" ~ absent_key_columns() ~ " from " ~ ref('raw_events') ~ " where false")
            if event_mapping().get('rows') else "select * from " ~ ref('raw_events') %}
        {% set found = source_function('query_columns', {'query': query}) %}
        {% for name, type in zip(found.columns, found.types) if name | lower not in load_columns() %}
            {% do columns.update({name: type}) %}
        {% endfor %}
    {% endif %}
    {% set listed = [] %}
    {% for name in columns | sort %}{% do listed.append({'name': name, 'type': columns[name]}) %}{% endfor %}
    {% do return(listed) %}
{% endmacro %}

{#- A row of nulls with these columns and those of raw_events' own, for asking the engine about expressions. -#}
{% macro null_row(columns) -%}
    select
    {%- for column in columns %} cast(null as {{ column.type }}) as {{ sql_name(column.name) }},{% endfor %}
    cast(null as varchar) as source_file, cast(null as bigint) as load_id, cast(null as timestamp) as loaded_at
    where false
{%- endmacro %}

{#-
    Whether each row comes from one line alone, so that new lines can be taken in by themselves. `rows` that joins, groups,
    ranks or sorts sees all lines: then events are made of all of them at each load.
-#}
{% macro rows_are_by_line() %}
    {% set rows = event_mapping().get('rows') %}
    {% if not rows %}{% do return(true) %}{% endif %}
    {% if event_mapping().get('sources') or not execute %}{% do return(false) %}{% endif %}
    {% do return(source_function('rows_are_by_line', {'rows': rows})) %}
{% endmacro %}

{#- An expression with the mapping's time zone put into its calls of as_utc. -#}
{% macro with_time_zone(expression) -%}
    {% do return(modules.re.sub('\\bas_utc\\s*\\(', 'as_utc_in(' ~ sql_text(time_zone()) ~ ', ', expression)) %}
{%- endmacro %}

{#- What a day is: the IANA name of the mapping's time_zone, which may be one of Rails or Windows. -#}
{% macro time_zone() %}
    {% if not event_mapping().get('time_zone') or not execute %}{% do return('UTC') %}{% endif %}
    {% do return(source_function('check_mapping', {'mapping': event_mapping(), 'mapping_name': var('event_mapping')}).time_zone) %}
{% endmacro %}

{#- The moment in UTC that a value of the mapping's event_time tells; null where it cannot be read. -#}
{% macro typed_time(name, given) -%}
    {%- if given.type.startswith('TIMESTAMP') and 'TIME ZONE' not in given.type and time_zone() == 'UTC' -%}
    cast({{ name }} as {{ dbt.type_timestamp() }})
    {%- elif given.type == 'TIMESTAMP WITH TIME ZONE' -%}
    cast({{ name }} as {{ dbt.type_timestamp() }})
    {%- else -%}
    cast(as_utc_in({{ sql_text(time_zone()) }}, {{ name }}) as {{ dbt.type_timestamp() }})
    {%- endif -%}
{%- endmacro %}

{#- The day of a moment, in the mapping's time zone. -#}
{% macro event_day(moment) -%}
    {%- if time_zone() == 'UTC' -%}
    cast({{ moment }} as date)
    {%- else -%}
    cast(timezone({{ sql_text(time_zone()) }}, timezone('UTC', {{ moment }})) as date)
    {%- endif -%}
{%- endmacro %}
