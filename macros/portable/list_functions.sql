{#- Of a list {0} of numbers: what engines write differently. `differences` are those of each element from the one before. -#}
{% macro list_functions() %}{{ return(adapter.dispatch('list_functions')()) }}{% endmacro %}

{% macro duckdb__list_functions() %}
    {% do return({
        'second': '{0}[2]', 'largest': 'list_max({0})', 'squares': 'list_sum(list_transform({0}, lambda one: one * one))',
        'count': 'len(list_filter({0}, lambda one: {1}))',
        'differences': 'list_transform({0}[2:], lambda one, place: one - {0}[place])',
    }) %}
{% endmacro %}

{#- Places are counted from 0. Sail knows no lambda of an element and its place. -#}
{% macro spark__list_functions() %}
    {% do return({
        'second': 'get({0}, 1)', 'largest': 'array_max({0})', 'squares': 'aggregate({0}, 0D, (sum, one) -> sum + one * one)',
        'count': 'size(filter({0}, one -> {1}))',
        'differences': "transform(arrays_zip(slice({0}, 2, size({0})), slice({0}, 1, size({0}) - 1)), pair -> pair['0'] - pair['1'])",
    }) %}
{% endmacro %}
