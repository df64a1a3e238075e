select
    user_id,
    as_of_date
    {%- for outcome in outcomes() %},
    max(case when outcome = '{{ outcome.name }}' then probability end) as p_{{ outcome.name }}
    {%- endfor %}
from {{ ref('predictions') }}
group by user_id, as_of_date
