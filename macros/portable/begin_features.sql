{#-
    Pre-hook of features. The champions are read while DuckDB computes them. On Spark each Python worker reads them for itself; there
    is noted which version of user_days features are made from, since the stream scores whom later ones change.
-#}
{% macro begin_features() %}
    {{- return(adapter.dispatch('begin_features')()) -}}
{% endmacro %}

{% macro spark__begin_features() %}
    {% for row in (run_query("describe history " ~ ref('user_days') ~ " limit 1").rows if execute else []) %}
        insert into {{ log_table('table_states') }} values ('days_of_user_features', '', {{ row[0] }})
    {% endfor %}
{% endmacro %}

{% macro duckdb__begin_features() -%}
    select load_scoring({{ sql_text(outcomes() | map(attribute='model_name') | join(',')) }})
{%- endmacro %}
