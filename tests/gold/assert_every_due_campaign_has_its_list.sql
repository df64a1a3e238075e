-- A campaign whose start_date has come has a list. It warns: an empty list is not created (nobody
-- reaches min_probability, or is worth the contact), and the next build tries again.
{{ config(severity='warn') }}

select campaigns.*
from {{ ref('campaigns') }} as campaigns
where
    campaigns.start_date <= (select max(predictions.as_of_date) from {{ ref('predictions') }} as predictions)
    and campaigns.campaign not in (select listed.campaign from {{ ref('listed_campaigns') }} as listed)
