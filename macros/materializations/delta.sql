{#- What dbt-spark needs for Delta tables. -#}

{#- delete+insert is one merge: who reads a table never sees it without the rows that are being replaced. -#}
{% macro dbt_spark_validate_get_incremental_strategy(raw_strategy, file_format) %}
    {% do return('merge' if raw_strategy == 'delete+insert' else raw_strategy) %}
{% endmacro %}

{#- In place of dbt-spark's, which makes columns that have rows not nullable, and Delta refuses that. -#}
{% macro spark__alter_column_set_constraints(relation, column_dict) %}
    {% for name, column in column_dict.items() if {'type': 'not_null'} in column.constraints %}
        {% do run_query("alter table " ~ relation ~ " add constraint has_" ~ name ~ " check (" ~ name ~ " is not null)") %}
    {% endfor %}
{% endmacro %}
