{#- Columns of a relation, less some, that the column's values do not name, and values that name no such column. -#}
{% test names_every_column(model, column_name, relation, less=[]) %}
    with column_names as (
        select cast(null as {{ dbt.type_string() }}) as column_name
        {%- for column in adapter.get_columns_in_relation(relation) if column.name not in less %}
        union all
        select '{{ column.name }}' as column_name
        {%- endfor %}
    ),

    real_columns as (
        select column_name
        from column_names
        where column_name is not null
    )

    select
        real_columns.column_name as column_without_name,
        names.{{ column_name }} as name_without_column
    from real_columns
    full outer join {{ model }} as names on real_columns.column_name = names.{{ column_name }}
    where real_columns.column_name is null or names.{{ column_name }} is null
{% endtest %}
