{#- Hook: a table that is there gets a column of texts, where it has none. -#}
{% macro add_column(name) %}
    {% set columns = adapter.get_columns_in_relation(this) | map(attribute='name') | list if execute else [] %}
    {% if columns and name not in columns %}
        alter table {{ this }} add column {{ name }} {{ dbt.type_string() }}
    {% endif %}
{% endmacro %}

{#- Pre-hook: a table of before there were several outcomes gets the column. All of it was of a purchase within a horizon. -#}
{% macro add_outcome(also=none) %}
    {% if execute and is_incremental() and 'outcome' not in adapter.get_columns_in_relation(this) | map(attribute='name') %}
        alter table {{ this }} add column outcome {{ dbt.type_string() }};
        {% if also %}alter table {{ this }} add column {{ also }} {{ dbt.type_string() }};{% endif %}
        update {{ this }} set outcome = concat('purchase_', horizon_days, 'd');
    {% endif %}
{% endmacro %}
