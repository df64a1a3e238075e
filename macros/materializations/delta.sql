{#- What dbt-spark needs for Delta tables. -#}

{#-
    A Python model's rows are written by SQL, as a SQL model's are: a table that Connect's saveAsTable makes has a collation in its
    schema, with which readers of Delta other than Spark refuse it.
-#}
{% macro spark__create_table_as(temporary, relation, compiled_code, language='sql') %}
{%- do plugin_function('keep_rows', {'model': this.identifier}) -%}
{%- if language == 'sql' -%}
{{ dbt.spark__create_table_as(temporary, relation, compiled_code, language) }}
{%- else -%}
{%- set view = "likely_buyers_" ~ relation.identifier -%}
{{ compiled_code }}
from likely_buyers.dbt.on_spark.frames import view_of
view_of("{{ view }}", model, dbtObj(spark.table), spark)
spark.sql({{ tojson("create or replace table " ~ relation ~ " using delta as select "
    ~ (checked_columns() if config.get('contract').enforced else '*') ~ " from " ~ view) }})
{%- endif -%}
{%- endmacro %}

{#-
    Of a model with a contract: what may not be null is looked at as the table is made. A table that is made anew each time needs no
    constraint beside it, each of which would read the whole table.
-#}
{% macro checked_columns() %}
    {% set columns, never_null = [], never_null_columns(model.columns) %}
    {% for name in model.columns.values() | map(attribute='name') %}
        {% set broken = "likely_buyers: " ~ name ~ " of " ~ this ~ " is null in a row, and the contract of the model excludes that. "
            ~ "The table stays as it was. See which row of what it is made of has none." %}
        {% do columns.append("coalesce(" ~ sql_name(name) ~ ", raise_error(" ~ sql_text(broken) ~ ")) as " ~ sql_name(name)
            if name in never_null else sql_name(name)) %}
    {% endfor %}
    {% do return(columns | join(', ')) %}
{% endmacro %}

{% macro never_null_columns(columns) %}
    {% set found = [] %}
    {% for column in columns.values() if 'not_null' in column.constraints | map(attribute='type') %}{% do found.append(column.name) %}{% endfor %}
    {% do return(found) %}
{% endmacro %}

{% macro spark__get_column_names() %}{% do return(checked_columns()) %}{% endmacro %}

{#- In place of dbt-spark's, which makes the text 'None' of an empty field, and ends a text at a quote in it. -#}
{% macro spark__load_csv_rows(model, agate_table) %}
    {% set types, rows = model.config.column_types or {}, [] %}
    {% for row in agate_table.rows %}
        {% set values = [] %}
        {% for name in agate_table.column_names %}
            {% set value = 'null' if row[loop.index0] is none else sql_text(row[loop.index0]) %}
            {% do values.append("cast(" ~ value ~ " as " ~ (types.get(name) or adapter.convert_type(agate_table, loop.index0)) ~ ")") %}
        {% endfor %}
        {% do rows.append("(" ~ values | join(", ") ~ ")") %}
    {% endfor %}
    {% set statement = "insert into " ~ this ~ " (" ~ agate_table.column_names | join(", ") ~ ") values " ~ rows | join(", ") %}
    {% if rows %}{% do adapter.add_query(statement, abridge_sql_log=True) %}{% endif %}
    {{ return(statement) }}
{% endmacro %}

{#- delete+insert is one merge: who reads a table never sees it without the rows that are being replaced. -#}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
    {% do return('merge' if raw_strategy == 'delete+insert' else raw_strategy) %}
{% endmacro %}

{#- In place of dbt-spark's, which takes a statement, and so a version of the table, for each column of each build. -#}
{% macro spark__persist_docs(relation, model, for_relation, for_columns) %}
    {% set changed = [] %}
    {% for column in (run_query("describe table " ~ relation).rows if for_columns and config.persist_column_docs() and not relation.is_view else []) %}
        {% set wanted = (model.columns.get(column[0]) or {}).get('description') or '' %}
        {% if wanted and wanted != (column[2] or '') %}
            {% do changed.append(sql_name(column[0]) ~ " comment " ~ sql_text(wanted)) %}
        {% endif %}
    {% endfor %}
    {% if changed %}{% do run_query("alter table " ~ relation ~ " alter column " ~ changed | join(', ')) %}{% endif %}
{% endmacro %}

{#-
    In place of dbt-spark's, which makes columns that have rows not nullable, and Delta refuses that. A table that lasts is made with
    a CHECK of what may not be null: one that is added afterwards reads the whole table.
-#}
{% macro spark__tblproperties_clause() %}
    {%- set properties, never_null = dict(config.get('tblproperties') or {}), [] %}
    {%- for name in never_null_columns(model.columns) if config.get('contract').enforced and config.get('materialized') == 'incremental' %}
        {%- do never_null.append(sql_name(name) ~ " is not null") %}
    {%- endfor %}
    {%- do properties.update({'delta.constraints.never_null': never_null | join(' and ')} if never_null else {}) %}
    {%- if properties %}
    tblproperties ({% for name, value in properties.items() %}{{ sql_text(name) }} = {{ sql_text(value) }}{{ ', ' if not loop.last }}{% endfor %})
    {%- endif %}
{% endmacro %}

{% macro spark__alter_column_set_constraints(relation, column_dict) %}{% endmacro %}

{#-
    In place of dbt-spark's. A metastore keeps 256 characters of what a view's column means; of more it tries ten times in twenty
    seconds to keep them, and answers nobody meanwhile.
-#}
{% macro get_column_comment_sql(column_name, column_dict) %}
    {% set meaning = (column_dict.get(column_name) or {}).get('description') or '' %}
    {{ return(sql_name(column_name) ~ " comment " ~ sql_text(meaning if meaning | length <= 256 else meaning[:253] ~ "...")) }}
{% endmacro %}
