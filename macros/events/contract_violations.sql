{#-
    Name -> condition, over event_lines, that breaks the event contract. An absent price and an absent quantity
    break nothing. A time before 1990 comes from a missing value, or from seconds read as milliseconds; a file that says that it
    was changed before 1990 says nothing.
    of_any_file: the oldest file stands for each row's own, so that a row that breaks no such rule breaks none of its own.
-#}
{% macro contract_violations(of_any_file=false) %}
    {% set file_time = "(select min(files.modified_at) from " ~ ref('loaded_files')
        ~ " as files where files.modified_at >= cast('1990-01-01' as timestamp))" if of_any_file else 'file_modified_at' %}
    {% do return({
        'invalid_event_time': 'event_time is null',
        'implausible_event_time': "coalesce(event_time < cast('1990-01-01' as timestamp), false)",
        'future_event_time': "coalesce(event_time > " ~ dbt.dateadd('day', 1, file_time) | trim
            ~ " and " ~ file_time ~ " >= cast('1990-01-01' as timestamp), false)",
        'unknown_event_type': 'event_type is null',
        'missing_user_id': 'source_user_id is null',
        'placeholder_user_id': 'user_id is null and source_user_id is not null',
        'invalid_price': 'price is null and source_price is not null',
        'negative_price': 'coalesce(price < 0, false)',
        'invalid_quantity': 'quantity is null and source_quantity is not null',
        'non_positive_quantity': 'coalesce(quantity <= 0, false)',
    }) %}
{% endmacro %}

{% macro keeps_contract(of_any_file=false) -%}
    not (
        {%- for condition in contract_violations(of_any_file).values() %}
        ({{ condition }}){{ ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}
