{#- The feature columns of silver.user_features, as its contract lists them, each behind `prefix.` when given. -#}
{% macro user_feature_columns(prefix=none) %}
    {%- set names = [] -%}
    {%- if execute -%}
        {%- for name in graph.nodes['model.' ~ project_name ~ '.user_features'].columns if name not in ['user_id', 'as_of_date'] -%}
            {%- do names.append((prefix ~ '.' if prefix else '') ~ name) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ names | join(',\n        ') }}
{%- endmacro %}
