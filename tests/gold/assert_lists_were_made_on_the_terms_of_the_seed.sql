-- A campaign stands in seeds/campaigns.csv as it did when its list was made. It warns: the list and its figures keep
-- the terms they were made on; new terms need a campaign of a new name.
{{ config(severity='warn') }}

{%- set terms = ['start_date', 'top_fraction', 'size', 'min_probability', 'margin', 'cost_per_contact', 'control_share'] %}

select
    listed.campaign,
    {%- for term in terms %}
    listed.{{ term }} as listed_{{ term }},
    campaigns.{{ term }} as seed_{{ term }}{{ ',' if not loop.last }}
    {%- endfor %}
from {{ ref('listed_campaigns') }} as listed
inner join {{ ref('campaigns') }} as campaigns on listed.campaign = campaigns.campaign
where
    {%- for term in terms %}
    {{ 'or ' if not loop.first }}coalesce(cast(listed.{{ term }} as {{ dbt.type_string() }}), '')
    <> coalesce(cast(campaigns.{{ term }} as {{ dbt.type_string() }}), '')
    {%- endfor %}
