{#-
    What breaks the event contract: name -> condition, over event_lines with file_modified_at. An absent price and an absent
    quantity break nothing. A time before 1990 comes from a missing value, or from seconds read as milliseconds; a file that
    says that it was changed before 1990 says nothing.
-#}
{% macro contract_violations() %}
    {% do return({
        'invalid_event_time': "event_time is null",
        'implausible_event_time': "coalesce(event_time < cast('1990-01-01' as timestamp), false)",
        'future_event_time': "coalesce(event_time > file_modified_at + interval '1' day"
            ~ " and file_modified_at >= cast('1990-01-01' as timestamp), false)",
        'unknown_event_type': "event_type is null",
        'missing_user_id': "user_id is null and source_user_id is null",
        'placeholder_user_id': "user_id is null and source_user_id is not null",
        'invalid_price': "price is null and source_price is not null",
        'negative_price': "coalesce(price < 0, false)",
        'invalid_quantity': "quantity is null and source_quantity is not null",
        'non_positive_quantity': "coalesce(quantity <= 0, false)",
    }) %}
{% endmacro %}

{#- Condition, over the same: whether a line is to be looked at for what it says, and not only for whether it is repeated. -#}
{% macro is_suspect() -%}
    left_out is not null or ({{ contract_violations().values() | join(') or (') }})
{%- endmacro %}
