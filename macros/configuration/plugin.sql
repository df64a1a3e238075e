{#- What a function of the plugin (python/likely_buyers/dbt/plugin.py) answers, which takes and gives JSON. -#}
{% macro plugin_function(name, request) %}
    {% if not execute %}{% do return({}) %}{% endif %}
    {% do return(heard(adapter.dispatch('plugin_answer')(name, request))) %}
{% endmacro %}

{% macro duckdb__plugin_answer(name, request) %}
    {% do return(fromjson(looked_up("select " ~ name ~ "(" ~ sql_text(tojson(request)) ~ ")"))) %}
{% endmacro %}

{% macro spark__plugin_answer(name, request) %}
    {% do return(adapter.likely_buyers(name, request)) %}
{% endmacro %}

{#- The text that a function of the plugin gives, as SQL. -#}
{% macro plugin_text(name, argument=none) %}
    {% do return(adapter.dispatch('plugin_text')(name, argument)) %}
{% endmacro %}

{% macro duckdb__plugin_text(name, argument) %}
    {% do return(name ~ '(' ~ (sql_text(argument) if argument is not none else '') ~ ')') %}
{% endmacro %}

{% macro spark__plugin_text(name, argument) %}
    {% do return(sql_text(adapter.likely_buyers(name, argument) if execute else '')) %}
{% endmacro %}

{#- Says what the query that it is called with finds: `what` names the words, which the other columns fill (dbt/words.py). -#}
{% macro tell() %}
    {% if execute %}
        {% for row in run_query("select " ~ row_as_json('found_row') ~ " from (" ~ caller() ~ ") as found_row where what is not null").rows %}
            {% do plugin_function('in_words', fromjson(row[0])) %}
        {% endfor %}
    {% endif %}
{% endmacro %}

{#- An answer of the plugin, after what it says has been said. -#}
{% macro heard(answer) %}
    {% for words in answer.told or [] %}{% do log("likely_buyers: " ~ words, info=true) %}{% endfor %}
    {% for words in answer.warned or [] %}{% do exceptions.warn("likely_buyers: " ~ words) %}{% endfor %}
    {% for words in answer.problem or [] %}{% do stop(words) %}{% endfor %}
    {% do return(answer) %}
{% endmacro %}

{#- The one value that a query gives. -#}
{% macro looked_up(query) %}
    {% do return(run_query(query).columns[0].values()[0]) %}
{% endmacro %}
