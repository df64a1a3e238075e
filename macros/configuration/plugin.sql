{#- What a function of the plugin (python/likely_buyers/dbt/plugin.py) answers, which takes and gives JSON. -#}
{% macro plugin_function(name, request) %}
    {% if not execute %}{% do return({}) %}{% endif %}
    {% do return(heard(looked_up("select " ~ name ~ "(" ~ sql_text(tojson(request)) ~ ")"))) %}
{% endmacro %}

{#- Says what the query that it is called with finds: `what` names the words, which the other columns fill (dbt/words.py). -#}
{% macro tell() %}
    {% if execute %}
        {% set told = "select in_words(cast(to_json(found_row) as varchar)) from (" ~ caller() ~ ") as found_row where what is not null" %}
        {% for row in run_query(told).rows %}{% do heard(row[0]) %}{% endfor %}
    {% endif %}
{% endmacro %}

{#- An answer of the plugin, after what it says has been said. -#}
{% macro heard(text) %}
    {% set answer = fromjson(text) %}
    {% for words in answer.told or [] %}{% do log("likely_buyers: " ~ words, info=true) %}{% endfor %}
    {% for words in answer.warned or [] %}{% do exceptions.warn("likely_buyers: " ~ words) %}{% endfor %}
    {% for words in answer.problem or [] %}{% do stop(words) %}{% endfor %}
    {% do return(answer) %}
{% endmacro %}

{#- The one value that a query gives. -#}
{% macro looked_up(query) %}
    {% do return(run_query(query).columns[0].values()[0]) %}
{% endmacro %}
