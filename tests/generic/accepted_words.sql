{#- Rows whose text, words with spaces between, is empty or holds a word that is not in the list. -#}
{% test accepted_words(model, column_name, words) %}
    select {{ column_name }}
    from {{ model }}
    where
        {{ column_name }} = ''
        or trim(
            {%- for word in words %}replace({% endfor %} ' ' || {{ column_name }} || ' '
            {%- for word in words %}, '{{ word }} ', ''){% endfor %}
        ) <> ''
{% endtest %}
