"""Words of the scripted model: the phrases that fit into each slot, as `name: phrase|phrase|...`.

A phrase may hold slots itself. A line that begins with a space goes on with the line before.
"""

from __future__ import annotations

WORDS = """
topic: {kind} {subject} {place}|{kind} {subject} and {subject}|{kind} {subject}|{subject} {place}|
 {kind} {subject} and {kind} {subject}
subject: sourdough bread|fermented vegetables|street food|school lunches|olive oil|green tea|
 honey harvests|cheese making|spice blends|community gardens|rooftop farms|orchards|seed banks|
 compost heaps|coral reefs|wetlands|river floods|glaciers|wildfires|rain forests|migrating birds|
 honeybees|stray cats|guide dogs|urban foxes|whale songs|mushrooms|mosses|earthworms|bats|
 solar panels|wind turbines|heat pumps|tidal energy|batteries|night trains|cargo bikes|ferries|
 traffic lights|airports|car sharing|bicycle lanes|sailing boats|bridges|tunnels|lighthouses|
 tiny houses|wooden towers|public libraries|museums|theatre rehearsals|folk dances|choirs|lullabies|
 poetry readings|crime novels|comic strips|fairy tales|board games|chess puzzles|card tricks|
 crossword puzzles|football clubs|marathons|rock climbing|swimming lessons|yoga classes|
 winter sports|table tennis|archery|vaccines|first aid|sleep habits|allergies|dental care|
 hearing aids|back pain|stress at work|balanced diets|blood donations|savings accounts|
 student loans|pensions|household budgets|microcredit|inflation|import taxes|stock exchanges|
 insurance claims|receipts|rental contracts|traffic fines|patents|jury trials|privacy rules|
 copyright notices|local elections|petitions|neighbourhood watches|treaties|spreadsheets|databases|
 unit tests|passwords|web forms|search engines|phone batteries|robot vacuums|open source licences|
 regular expressions|sorting algorithms|backup plans|online shops|newsletters|podcasts|
 translation tools|screen readers|smart watches|weather stations|telescopes|meteor showers|
 moon landings|tides|volcanoes|earthquakes|fossils|magnets|prime numbers|fractions|
 probability puzzles|triangles|chemical bonds|acids|genes|antibiotics|enzymes|optical illusions|
 memory tricks|dream journals|body language|job interviews|team meetings|customer complaints|
 trade fairs|pay rises|remote work|shift schedules|internships|business cards|town markets|
 wedding speeches|birthday parties|family reunions|harvest festivals|funeral customs|table manners|
 love letters|thank-you notes|house rules|chores|knitting|pottery|woodcarving|calligraphy|
 leather shoes|second-hand clothes|paper lanterns|stained glass|clock repair|furniture polish|
 camping trips|mountain huts|beach holidays|travel insurance|phrase books|home exchanges|city walks|
 desert caravans|canal tours|lost luggage
kind: traditional|modern|small-scale|low-cost|seasonal|rural|medieval|hand-made|popular|forgotten|
 short-lived|well-known|local|contested|digital|family-run|volunteer-led|tax-free|foreign|large|
 sustainable|noisy|beginner-friendly|profitable|rare|worn-out|floating|bilingual|privately owned|
 long-distance|nineteenth-century|weather-proof|surprising|battery-powered|last-minute|
 gender-neutral|low-noise|legendary|child-friendly|mobile|coastal|suburban|shared|regional|
 nocturnal|cutting-edge|half-finished|peaceful|wheelchair-accessible|fashionable|solar-powered|
 world-famous|controversial|miniature|home-made|underrated|risky|discounted|custom-made|
 old-fashioned|waterproof|organic|subsidized|experimental|festive|minimalist|overcrowded|abandoned|
 colourful|crowd-funded|imported|movable|private|public|recycled|silent|state-owned|tropical|
 vintage|weekly
place: in Lisbon|in Nairobi|in Oslo|in Kyoto|in Lima|in Toronto|in Hanoi|in Cairo|in Mumbai|
 in Auckland|in Reykjavik|in Dakar|in Warsaw|in Bogota|in Istanbul|in Manila|in Dublin|in Athens|
 in Seoul|in Accra|in Montevideo|in Helsinki|in Kathmandu|in Vancouver|in Zanzibar|in Tbilisi|
 in Havana|in Rotterdam|in Marrakesh|in Jakarta|in Vienna|in Chicago|in Perth|in Quito|in Riga|
 in Naples|in Lagos|in Samarkand|on the Faroe Islands|on Crete|on Madagascar|in the Alps|
 in the Andes|in Patagonia|in Bavaria|in Scotland|in Provence|in Kerala|along the Danube|
 along the Mekong|near the Arctic Circle|on Lake Victoria|in the Sahara|in Tasmania|in Alaska|
 in Cornwall
audience: nursing students|retired engineers|nine-year-olds|new parents|night-shift workers|
 small farmers|taxi drivers|amateur astronomers|exchange students|school librarians|hotel guests|
 first-time voters|weekend cyclists|apprentice bakers|blind readers|city planners|
 volunteer firefighters|shop owners|kindergarten teachers|tourists|grandparents|refugees|dog owners|
 freelance translators|beginners|long-distance runners|museum visitors|landlords|tenants|
 call centre agents|junior programmers|sales managers|beekeepers|ship crews|patients with diabetes|
 high school debaters|vegetarians|backpackers|jurors|town councillors|orchestra players|carpenters|
 pharmacists|warehouse staff|science journalists|teenagers|commuters|hobby gardeners|
 left-handed people|chess coaches|job seekers|stage actors|language learners|wedding guests|pilots|
 surgeons|bookkeepers|charity workers|young entrepreneurs|mountain guides|game designers|
 shy colleagues|impatient customers|people who live alone|readers in a hurry|parents of twins|
 fans of old films
persona: a lighthouse keeper|a pastry chef|a village mayor|a tax adviser|a marine biologist|
 a bus driver|a sceptical editor|a retired judge|a school nurse|a goldsmith|a football referee|
 a history teacher|a night porter|a stand-up comedian|a data analyst|a midwife|a locksmith|
 a park ranger|a radio host|a tailor|a ghost writer|a train conductor|a vet|a botanist|
 a sound engineer|a street vendor|a polar explorer|a chess champion|a bank clerk|a tour guide|
 a watchmaker|a fisherman|a landscape architect|a speech therapist|a puppet maker|a pirate|
 a proud grandmother|a cautious investor|a sleepy student|a philosopher|a plumber|a crane operator|
 a court reporter|a wine merchant|a time traveller|a geologist|a sign language interpreter|
 a detective|a piano teacher|a miller|a customs officer|a hairdresser|a monk|a union leader|
 a cartographer|a weather presenter|a stunt double|a substitute teacher|a food critic|a paramedic
quality: short|cheerful|sober|friendly|detailed|playful|formal|candid|witty|touching|polite|careful|
 bold|concise|practical|surprising|gentle|persuasive|thoughtful|simple|vivid|firm|melancholic|
 modest|balanced|patient|dramatic|plain|respectful|hopeful|nostalgic|daring|memorable|sensible|
 mysterious|warm|critical|relaxed|precise|generous
doc: letter|speech|poem|blog post|press release|cover letter|product description|newspaper column|
 fable|limerick|memo|lesson|welcome note|toast|book review|complaint|recipe|song text|travel report|
 bedtime story|job advert|obituary|proposal|user guide|radio announcement|motivational talk|leaflet|
 quiz|haiku|case study|monologue|reading list|report|column|farewell message|thank-you card|
 postcard|news bulletin|fact sheet|sermon|contract clause|tongue twister
material: product review|meeting transcript|recipe|news report|customer message|chat log|
 short story|diary entry|bank statement|timetable|witness statement|job advert|tweet|poem|
 letter to the editor|travel blog|press release|lab report|phone note|shopping list|sentence|
 paragraph|headline|proverb|text message|book summary|forum post|speech|voicemail transcript|
 weather report|survey reply|contract clause|lecture note|restaurant review|patient record|
 match report|bug report|thank-you note|train announcement|legal notice|field note|dialogue|
 scene description|menu|handbook page|grant proposal|rental listing|museum label|school report|
 quotation
aspect: cost|safety|history|accessibility|beauty|reliability|popularity|risks|benefits|limits|
 quality|ethics|durability|comfort|efficiency|flavour|simplicity|fairness|side effects|origins|
 speed|privacy|cultural meaning|future|logic|structure|usefulness|environmental impact|legal status|
 upkeep|social value|originality|honesty|clarity|timing|hidden costs|design|vocabulary|
 health effects|economics|failures|rituals
things: mistakes|habits|questions|safety checks|arguments|tools|rules|warning signs|exercises|
 examples|steps|myths|alternatives|compromises|experiments|facts|topics|conversation starters|
 excuses|shortcuts|opinions|consequences|tricks|skills|traps|promises|comparisons|misunderstandings|
 causes|objections|routines|metaphors|keywords|milestones|proverbs|surprises|obstacles|gifts
situation: during a power cut|before the rainy season|after a long strike|on a tight budget|
 in the middle of winter|during a heat wave|without internet access|on a crowded train|
 after moving abroad|at the end of the school year|over a long weekend|before a job interview|
 in times of rising prices|after a sleepless night|with only one free hour a day|
 during the holidays|before sunrise|after retirement|in a noisy open-plan office|
 while waiting for a delayed flight|during an election year|with three small children|
 in an old flat|on a desert island|after a failed exam|in the first week of a new job|
 during a water shortage|at a village fair|under time pressure|on the last day of the month|
 in a foreign language|after a storm|in a small kitchen|before a big move|on a rainy Sunday
constraint: in fewer than {number} words|using only everyday words|without any technical terms|
 in exactly {small} sentences|with one example for each point|as a numbered list|
 in the form of a letter|with a touch of humour|ending with a question|in plain language|
 with a short introduction and a conclusion|step by step|using a comparison from the kitchen|
 in rhyming lines|with two arguments on each side|avoiding the word "very"|
 as if speaking on the radio|in the past tense|in a table with two columns|
 starting from common mistakes|with a clear recommendation|using at most {small} bullet points|
 in the style of a news report|by telling a short anecdote first|with figures where they help|
 from a child's point of view|as honestly as possible|in British English|with a warning at the end|
 in one breathless sentence|addressing the reader directly|with no more than {small} adjectives|
 citing one proverb|as a dialogue between two friends|as a haiku followed by a comment|
 with a title that rhymes|like a sports commentator
count: two|three|four|five|six|seven|eight|nine|ten|twelve|a dozen|up to {small}|at least {small}
small: 2|3|4|5|6|7|8|9
number: 12|15|18|20|24|25|30|35|36|40|45|48|50|60|64|72|75|80|90|96|100|110|120|125|140|150|160|175|
 180|200|240|250|300|350|400|480|500
span: two-day|three-hour|seven-day|half-day|four-week|two-evening|ten-minute|six-month
event: workshop|evening class|treasure hunt|summer camp|panel discussion|cooking session|
 guided tour|book club|open day|charity run|science fair|retreat|quiz night|training course|
 exhibition|flea market|festival|debate|reading circle|hackathon
business: bakery|bicycle shop|bookshop|hotel|tea house|repair cafe|barber shop|travel agency|
 toy store|flower stall|boat rental|dance school|second-hand shop|law firm|farm shop|
 ceramics studio|guest house|garden centre|climbing hall|delivery service|dental clinic|night club
object: an umbrella|a rusty key|a silver spoon|a suitcase|a pocket knife|a wool blanket|a violin|
 a compass|a typewriter|a bicycle bell|a teapot|a wedding ring|a lantern|a chess clock|
 a pair of boots|a ladder|a fountain pen|a walking stick|a telescope|a mirror|a tent|an old radio|
 a library card|a snow globe|a jar of honey|a toolbox|a hammock|a paper boat|a magnifying glass|
 a train ticket|a sewing machine
objects: lemons|notebooks|candles|tickets|chairs|bricks|stamps|scarves|light bulbs|jars|coins|
 apples|bicycles|pencils|mugs|postcards|buttons|towels|batteries|keys|parcels|tulips|loaves|eggs|
 bottles|envelopes|sandwiches|puzzles|cushions|helmets
currency: euros|dollars|pesos|rupees|yen|crowns|francs|shillings|reals|dirhams|won|pounds
source: ticket sales|local taxes|private donations|a lottery|membership fees|a crowd-funding drive|
 company sponsors|a bank loan|city savings|a small levy on fuel|volunteer work|an annual raffle|
 a research grant|parking fees|the sale of old stock
name: Amara|Bjorn|Chiara|Dmitri|Elif|Farid|Grace|Hiroshi|Ingrid|Jamal|Keiko|Leila|Mateo|Nadia|Omar|
 Priya|Quentin|Rosa|Sanjay|Tomasz|Uma|Viktor|Wanjiru|Ximena|Yusuf|Zofia|Anselm|Beatriz|Cedric|Dalia|
 Emeka|Fatou|Giorgio|Hana|Ibrahim|Jelena|Kofi|Linh|Marek|Niamh
language: Spanish|French|German|Italian|Portuguese|Swahili|Turkish|Polish|Japanese|Arabic|Hindi|
 Dutch|Swedish|Greek|Vietnamese|Korean|Finnish|Indonesian|Czech|Ukrainian|Welsh|Danish
field: date|price|name|place|deadline|quantity|phone number|job title|verb|adjective|number|country|
 ingredient|brand|reason|colour|weight
format: a JSON list|a CSV table|a Markdown table|bullet points|a YAML document|two columns|
 a numbered outline|plain sentences|a timeline
errors: spelling mistakes|grammar errors|wrong dates|punctuation slips|mixed-up names|tense errors|
 missing articles|repeated words|comma splices|false friends
mishap: a flooded cellar|a cancelled flight|a burnt cake|a double booking|a lost parcel|
 a broken lift|a power failure|a mistranslated menu|a missed deadline|a stolen bicycle|
 an empty fridge|a leaking roof|a forgotten birthday|a wrong invoice|a flat tyre|a locked door
word: notes|plans|people|results|visitors|neighbours|letters|teams|figures|stories
advice: keep a written record|start with a small trial|ask someone who has done it before|
 compare at least three offers|agree on a date|set aside a little money|check the rules first|
 say clearly what is not included|leave room for questions|measure twice|
 write the key points on one page|repeat the main idea at the end|let a friend read it|
 plan a pause after each step|name one person in charge
reason: it saves time later on|mistakes are cheap at that stage|few people expect it|
 the costs are easy to see|it builds trust|most problems start there|
 the alternatives take much longer|experience shows that it works|everyone can take part|
 it is simple to undo|the effect lasts for years|nobody has to wait|the weather is hard to predict|
 a clear goal helps more than a large budget
"""
