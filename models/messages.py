"""What Arki says to the content team about a fault, in English and in Finnish: one place, so that each can be edited.

A message says what was found, a remedy what to do next. `findings` fills in the names; Swedish stands in `messages_sv`.
"""

from __future__ import annotations

from typing import Final, Literal

from models.messages_sv import MESSAGES_SV, PHRASES_SV, Said

TeamLanguage = Literal["en", "fi", "sv"]
TEAM_LANGUAGES: Final[tuple[TeamLanguage, ...]] = ("en", "fi", "sv")
SEVERITIES: Final[dict[TeamLanguage, dict[str, str]]] = {
    "en": {"error": "error", "warning": "warning"},
    "fi": {"error": "virhe", "warning": "varoitus"},
    "sv": {"error": "fel", "warning": "varning"},
}
EXAMPLE_WORDS: Final[dict[TeamLanguage, tuple[str, str, str]]] = {
    "en": ("For example", "The current model leads nobody here.", "Try the customer"),
    "fi": ("Esimerkiksi", "Nykyinen malli ei ohjaa ketään tähän.", "Kokeile asiakkaalla"),
    "sv": ("Till exempel", "Den nuvarande modellen leder ingen hit.", "Prova med kunden"),
}
"""What introduces an example, what is said where no customer comes there, and what introduces one who does."""


def said(code: str, language: TeamLanguage) -> Said:
    """The message of a code and its remedy."""
    return MESSAGES_SV[code] if language == "sv" else MESSAGES[code][language == "fi"]


def phrased(code: str, language: TeamLanguage) -> str:
    """A phrase that messages are filled with."""
    return PHRASES_SV[code] if language == "sv" else PHRASES[code][language == "fi"]


# fmt: off
_READING: Final = {
    "too_large": (Said("is larger than {limit} KiB.", "Split it or remove what is not needed."),
                  Said("Tiedosto on suurempi kuin {limit} KiB.", "Jaa se osiin tai poista tarpeeton.")),
    "missing_file": (Said("is missing.", "Restore it from the last published version."),
                     Said("Tiedosto puuttuu.", "Palauta se viimeksi julkaistusta versiosta.")),
    "not_text": (Said("cannot be read: the text is not UTF-8.", "Save the file again as UTF-8."),
                 Said("Tiedostoa ei voi lukea: teksti ei ole UTF-8-muodossa.", "Tallenna tiedosto uudelleen UTF-8-muodossa.")),
    "unreadable": (Said("cannot be read: {problem}.", "Check indentation, colons and quotes on this line."),
                   Said("Tiedostoa ei voi lukea: {problem}.", "Tarkista tämän rivin sisennys, kaksoispisteet ja lainausmerkit.")),
    "alias": (Said("uses `&` or `*` to repeat a part.", "Write the part out in each place."),
              Said("Tiedostossa toistetaan osa merkillä `&` tai `*`.", "Kirjoita osa auki jokaiseen paikkaan.")),
    "tag": (Said("uses a tag, `{value}`.", "Remove it: plain words, numbers and lists are enough."),
            Said("Tiedostossa on tyyppimerkintä `{value}`.", "Poista se: tavalliset sanat, luvut ja luettelot riittävät.")),
    "too_deep": (Said("has more than {limit} levels inside each other.", "Close the brackets that were left open, or flatten it."),
                 Said("Tiedostossa on yli {limit} sisäkkäistä tasoa.", "Sulje auki jääneet hakasulkeet tai yksinkertaista rakennetta.")),
    "duplicate_key": (Said("says `{key}:` twice in one place.", "Keep one of them."),
                      Said("Samassa kohdassa on `{key}:` kahdesti.", "Jätä niistä yksi.")),
    "not_mapping": (Said("does not hold `name: value` entries.", "Start from the comments in the shipped file."),
                    Said("Tiedostossa ei ole `nimi: arvo` -rivejä.", "Ota malliksi julkaistun tiedoston kommentit.")),
    "wrong_shape": (Said("has a `{key}:` that is not {shape}.", "See how the entries beside it are written."),
                    Said("Kohta `{key}:` ei ole {shape}.", "Katso mallia viereisistä kohdista.")),
    "no_id": (Said("has no id.", "Give it an `id:` of its own, in lower case with hyphens."),
              Said("Tunniste puuttuu.", "Anna oma `id:` pienillä kirjaimilla ja yhdysmerkeillä.")),
    "id_taken": (Said("uses an id that is taken.", "Give it an id of its own."),
                 Said("Tunniste on jo käytössä.", "Anna oma tunniste.")),
    "no_such": (Said("names the {what} `{value}`, which does not exist.", "{hint}"),
                Said("Virheellinen {what}: `{value}` ei ole käytössä.", "{hint}")),
    "no_text": (Said("has no {what} in `{language}`.", "Write `{language}:` under it."),
                Said("Puuttuva teksti: {what} kielellä `{language}`.", "Kirjoita sen alle `{language}:`.")),
    "no_date": (Said("has a `{key}` that is no date.", "Write it as 2026-05-31."),
                Said("Kohdan `{key}` arvo ei ole päivämäärä.", "Kirjoita se muodossa 2026-05-31.")),
}
_CONTENT: Final = {
    "empty_field": (Said("says nothing under `{key}:`.", "Write it there, or remove the line."),
                    Said("Kohta `{key}:` on tyhjä.", "Kirjoita siihen arvo tai poista rivi.")),
    "missing_field": (Said("lacks `{key}:`.", "See how the entries beside it are written."),
                      Said("Kohta `{key}:` puuttuu.", "Katso mallia viereisistä kohdista.")),
    "item_reversed": (Said("is valid until {until}, before it begins on {start}.", "Swap `valid_from` and `valid_until`."),
                      Said("Sisältö päättyy {until} ennen kuin alkaa {start}.", "Vaihda `valid_from` ja `valid_until` keskenään.")),
    "no_topics": (Said("is approved but has no topic.", "List the topics it is about under `topics:`, the main one first."),
                  Said("Sisältö on hyväksytty, mutta sillä ei ole aihetta.", "Luettele sen aiheet kohdassa `topics:`, tärkein ensin.")),
    "lacks_topic": (Said("lacks the topic `{value}`.", "Restore it: it is the topic of a customer who stated nothing."),
                    Said("Aihe `{value}` puuttuu.", "Palauta se: se on aihe asiakkaalle, joka ei ole kertonut mitään.")),
    "lacks_channel": (Said("lacks the channel `{value}`.", "Every channel of the code list is described."),
                      Said("Kanava `{value}` puuttuu.", "Kuvaa jokainen koodiston kanava.")),
    "human_always": (Said("says a person answers at {value} at all hours.", "Give its opening hours."),
                     Said("Kanavassa {value} vastaisi ihminen vuorokauden ympäri.", "Kirjoita kanavan aukioloajat.")),
    "hours_form": (Said("gives {value} opening hours that cannot be read.", 'Write `always`, or for each weekday `mon: ["09:00", "16:00"]`.'),
                   Said("Kanavan {value} aukioloaikoja ei voi lukea.", 'Kirjoita `always` tai jokaiselle arkipäivälle `mon: ["09:00", "16:00"]`.')),
    "no_capacity": (Said("has a `capacity_per_day` of {value} that is no positive number.", "Give customers a working day, or leave it out."),
                    Said("Kanavan {value} `capacity_per_day` ei ole positiivinen luku.", "Anna asiakkaita työpäivässä tai jätä kohta pois.")),
    "statutory_for_nobody": (Said("is statutory but names no benefit.", "List whose customers must get it under `benefits:`."),
                             Said("Sisältö on lakisääteinen, mutta etuutta ei ole mainittu.", "Luettele kohdassa `benefits:`, kenen asiakkaiden on saatava se.")),
    "no_title": (Said("has no title or address in `{language}`.", "Add both, or leave the language out."),
                 Said("Otsikko tai osoite puuttuu kielellä `{language}`.", "Lisää molemmat tai jätä kieli pois.")),
    "no_language": (Said("is approved but has no language.", "Add a title and address, or make it a draft."),
                    Said("Sisältö on hyväksytty, mutta sillä ei ole yhtään kieltä.", "Lisää otsikko ja osoite tai tee siitä luonnos.")),
    "no_years": (Said("names under `holidays:` no years from {first} to {last}.", "Write the first and the last year: `holidays: {{from: 2020, until: 2050}}`."),
                 Said("Kohdassa `holidays:` ei ole vuosia väliltä {first}–{last}.", "Kirjoita ensimmäinen ja viimeinen vuosi: `holidays: {{from: 2020, until: 2050}}`.")),
    "years_end": (Said("covers holidays from {first} to {last} alone.", "Name a later year under `holidays:`; in a year it does not cover, no answer says whether a channel is open."),
                  Said("Pyhäpäivät on laskettu vain vuosille {first}–{last}.", "Kirjoita kohtaan `holidays:` myöhempi vuosi; muina vuosina mikään vastaus ei kerro, onko kanava auki.")),
    "no_clock": (Said("has a `{key}` that is no time of day.", 'Write it as "13:00", in quotes.'),
                 Said("Kohdan `{key}` arvo ei ole kellonaika.", 'Kirjoita se muodossa "13:00", lainausmerkeissä.')),
    "exception_hours": (Said("gives the exception of {day} hours that cannot be read.", 'Write `closed`, or `["09:00", "13:00"]`.'),
                        Said("Poikkeuspäivän {day} aukioloaikoja ei voi lukea.", 'Kirjoita `closed` tai `["09:00", "13:00"]`.')),
    "expires": (Said("expires on {day}.", "Renew or replace it."),
                Said("Sisältö vanhenee {day}.", "Uusi se tai korvaa se toisella.")),
    "entitlement": (Said("states entitlement in `{language}`: “{words}”.", "Say what the customer can read, check or do next instead."),
                    Said("Teksti kielellä `{language}` lupaa oikeuden: “{words}”.", "Kerro sen sijaan, mitä asiakas voi lukea, tarkistaa tai tehdä seuraavaksi.")),
}
_RULES: Final = {
    "no_days": (Said("has an `answer_valid_days` that is no whole number from 1 to 366.", "Say for how many days an answer holds."),
                Said("Kohdan `answer_valid_days` arvo ei ole kokonaisluku 1–366.", "Kerro, montako päivää vastaus on voimassa.")),
    "segment_in_id": (Said("has the name of a segment in its id, `{value}`.", "Choose another id: ids travel with answers, segments do not."),
                      Said("Tunnisteessa on segmentin nimi `{value}`.", "Valitse toinen tunniste: tunnisteet kulkevat vastausten mukana, segmentit eivät.")),
    "hit_policy": (Said("does not say `hit_policy: first`.", "It is the only one there is: first rule wins."),
                   Said("Kohta `hit_policy: first` puuttuu.", "Muuta vaihtoehtoa ei ole: ensimmäinen sopiva sääntö ratkaisee.")),
    "no_field": (Said("has no {key}.", "Say who answers for it and why it is so: `{key}:`."),
                 Said("Kohta `{key}:` puuttuu.", "Kerro, kuka säännöstä vastaa ja mihin se perustuu: `{key}:`.")),
    "no_outcome": (Said("says no `{key}:` under `then:`.", "Choose one: every rule says where and what."),
                   Said("Kohdasta `then:` puuttuu `{key}:`.", "Valitse sellainen: jokainen sääntö kertoo, missä ja mitä.")),
    "wrong_audience": (Said("uses `{value}`, which is not for {audience}s.", "Choose a channel meant for them."),
                       Said("Kanava `{value}` ei ole tarkoitettu tälle asiakastyypille ({audience}).", "Valitse heille tarkoitettu kanava.")),
    "no_person": (Said("has no person at `{value}`.", "Choose a human channel."),
                  Said("Kanavassa `{value}` ei ole ihmistä vastaamassa.", "Valitse kanava, jossa palvelee ihminen.")),
    "cannot_carry": (Said("puts `{value}` in `{channel}`, which cannot carry it.", "{hint}"),
                     Said("Sisältö `{value}` ei sovi kanavaan `{channel}`.", "{hint}")),
    "valid_reversed": (Said("ends on {until} before it begins on {start}.", "Swap the days under `valid:`."),
                       Said("Sääntö päättyy {until} ennen kuin alkaa {start}.", "Vaihda päivät keskenään kohdassa `valid:`.")),
    "valid_overlap": (Said("has the same conditions as `{other}`, and both hold on {day}.", "End one on the day before the other begins."),
                      Said("Säännöllä on samat ehdot kuin säännöllä `{other}`, ja molemmat ovat voimassa {day}.", "Päätä toinen sitä päivää ennen, jona toinen alkaa.")),
    "gap": (Said("no {kind} rule applies to some customers{period}.", "Add a last rule without `when:` as the default."),
            Said("Joillekin asiakkaille ({kind}) ei ole sääntöä{period}.", "Lisää viimeiseksi sääntö ilman kohtaa `when:`.")),
    "never_covered": (Said("can never apply: rules above it ({deciders}) take every such customer.", "Move it up, narrow those, or remove it."),
                      Said("Sääntö ei voi koskaan toteutua: ylemmät säännöt ({deciders}) ratkaisevat kaikki sen asiakkaat.", "Siirrä se ylemmäs, rajaa ylempiä tai poista se.")),
    "never_nobody": (Said("can never apply: no customer is such.", "Correct its conditions or remove it."),
                     Said("Sääntö ei voi koskaan toteutua: tällaista asiakasta ei ole.", "Korjaa ehdot tai poista sääntö.")),
    "changes_nothing": (Said("changes nothing: without it, {deciders} would give its customers the same answer.", "Remove it, or give it an answer of its own."),
                        Said("Sääntö ei muuta mitään: ilman sitä {deciders} antaisi samoille asiakkaille saman vastauksen.", "Poista se tai anna sille oma vastaus.")),
    "misleading": (Said("is misleading: it names {fact} {values}, but never decides for such customers: {deciders}.", "Remove the value, or move the rule up if it should decide."),
                   Said("Sääntö on harhaanjohtava: siinä mainitaan {fact} {values}, mutta se ei ratkaise koskaan tällaisen asiakkaan kohdalla: {deciders}.", "Poista arvo, tai siirrä sääntö ylemmäs, jos sen pitäisi ratkaista.")),
    "no_content": (Said("offers `{value}`, of which the catalogue has none in {languages} for its topic.", "Add one (a general one will do), or choose another kind."),
                   Said("Sääntö tarjoaa sisältöä `{value}`, jota luettelossa ei ole sen aiheesta kielellä {languages}.", "Lisää sellainen (yleinenkin käy) tai valitse toinen sisältötyyppi.")),
    "content_ends": (Said("offers `{value}`, of which the catalogue has none in {languages} for its topic {days}.", "Renew what ends, or add one that follows."),
                     Said("Sääntö tarjoaa sisältöä `{value}`, jota luettelossa ei ole sen aiheesta kielellä {languages} {days}.", "Uusi päättyvä sisältö tai lisää sille jatko.")),
    "too_tangled": (Said("cannot be proven: {problem}.", "Make its rules fewer or their conditions simpler."),
                    Said("Taulukkoa ei voi todistaa oikeaksi: {problem}.", "Vähennä sääntöjä tai yksinkertaista ehtoja.")),
}
_EXPERIMENTS: Final = {
    "no_variants": (Said("has an experiment without variants.", "Add one under `variants:`, or remove the experiment."),
                    Said("Kokeilussa ei ole vaihtoehtoja.", "Lisää vaihtoehto kohtaan `variants:` tai poista kokeilu.")),
    "experiment_id": (Said("has an experiment or variant with an id that cannot be used.", "Write it in lower case, digits and hyphens, at most {limit} characters."),
                      Said("Kokeilun tai vaihtoehdon tunniste ei kelpaa.", "Kirjoita se pienillä kirjaimilla, numeroilla ja yhdysmerkeillä, enintään {limit} merkkiä.")),
    "experiment_taken": (Said("has the experiment `{value}`, an id that `{other}` uses too.", "Give each experiment an id of its own."),
                         Said("Kokeilun tunniste `{value}` on jo säännöllä `{other}`.", "Anna jokaiselle kokeilulle oma tunniste.")),
    "variant_taken": (Said("uses the variant id `{value}`, which is taken.", "Give each variant an id of its own; `control` is the rule's own content."),
                      Said("Vaihtoehdon tunniste `{value}` on jo käytössä.", "Anna jokaiselle vaihtoehdolle oma tunniste; `control` on säännön oma sisältö.")),
    "no_share": (Said("has an experiment that says no share for `{value}`.", "Give a whole number of percent, from 1 to 99."),
                 Said("Kokeilussa ei ole osuutta kohdalle `{value}`.", "Anna osuus kokonaisina prosentteina, 1–99.")),
    "shares": (Said("has an experiment whose shares make {total} percent.", "Let `control_share` and the shares of the variants make 100."),
               Said("Kokeilun osuudet ovat yhteensä {total} prosenttia.", "Muuta osuuksia niin, että `control_share` ja vaihtoehtojen osuudet ovat yhteensä 100.")),
    "variant_empty": (Said("has a variant without content, `{value}`.", "Give it kinds of content, in order: `content:`."),
                      Said("Vaihtoehdolla `{value}` ei ole sisältöä.", "Anna sille sisältötyypit järjestyksessä: `content:`.")),
    "variant_same": (Said("offers in its variant `{value}` the same content as in `{other}`.", "Change it, or remove the variant: it would compare nothing."),
                     Said("Vaihtoehdon `{value}` sisältö on sama kuin kohdan `{other}`.", "Muuta sisältöä tai poista vaihtoehto: vertailtavaa ei ole.")),
    "experiment_for_nobody": (Said("has an experiment, but decides only for objectors and minors, who are in none.", "Remove the experiment."),
                              Said("Säännöllä on kokeilu, mutta se koskee vain personoinnin kieltäneitä ja alaikäisiä, joita ei oteta kokeiluihin.", "Poista kokeilu.")),
}
_PROMISES: Final = {
    "no_says": (Said("does not say what it promises.", "Write one sentence under `says:`."),
                Said("Lupaus on kirjoittamatta.", "Kirjoita yksi virke kohtaan `says:`.")),
    "no_must": (Said("promises nothing under `must:`.", "Say which channels or which kinds of content: `must: {{channel: [phone_appointment]}}`."),
                Said("Kohta `must:` ei lupaa mitään.", "Kerro kanavat tai sisältötyypit: `must: {{channel: [phone_appointment]}}`.")),
    "breaks": (Said("breaks the guarantee `{guarantee}` ({says}){variant}{period}.", "Change its channel or content, or add a rule above it for these customers."),
               Said("Sääntö rikkoo lupauksen `{guarantee}` ({says}){variant}{period}.", "Vaihda kanavaa tai sisältöä, tai lisää sen yläpuolelle sääntö näille asiakkaille.")),
    "no_promise": (Said("lacks the promise `check: {value}`.", "Restore it: this one holds whatever the rules say."),
                   Said("Lupaus `check: {value}` puuttuu.", "Palauta se: tämä lupaus pätee säännöistä riippumatta.")),
    "promise_broken": (Said("breaks the promise `{guarantee}`: {what}.", "{hint}"),
                       Said("Rikkoo lupauksen `{guarantee}`: {what}.", "{hint}")),
}
_EXAMPLES: Final = {
    "no_kind": (Said("does not say `for: person` or `for: employer`.", "Add it."),
                Said("Kohta `for: person` tai `for: employer` puuttuu.", "Lisää se.")),
    "cannot_have": (Said("gives `{fact}` a value it cannot have.", "See the list of facts."),
                    Said("Tiedolla `{fact}` ei voi olla tätä arvoa.", "Katso tietojen luettelo.")),
    "comes_out": (Said("expects the {what} `{expected}`, but the table gives `{found}` by rule `{rule}`{period}.", "Correct the rule, or the example if the change is meant."),
                  Said("Odotettu {what} on `{expected}`, mutta taulukko antaa `{found}` säännöllä `{rule}`{period}.", "Korjaa sääntö, tai esimerkki, jos muutos on tarkoitettu.")),
    "no_example": (Said("has no example.", "Add one to examples.yaml."),
                   Said("Säännöllä ei ole esimerkkiä.", "Lisää esimerkki tiedostoon examples.yaml.")),
}
_SHEET: Final = {
    "sheet_formula": (Said("has a formula in {cell}.", "Type the text or number itself."),
                      Said("Solussa {cell} on kaava.", "Kirjoita itse teksti tai luku.")),
    "sheet_order": (Said("has no number in its `order` column, {cell}.", "Give its place: 12.5 comes between 12 and 13."),
                    Said("Sarakkeessa `order`, {cell}, ei ole lukua.", "Anna paikka: 12.5 tulee riviltä 12 ja 13 väliin.")),
    "sheet_experiment": (Said("has an experiment in {cell} that cannot be read.", "Write it as: an-id; control 50; a-variant 50: guide, nudge."),
                         Said("Solun {cell} kokeilua ei voi lukea.", "Kirjoita se näin: tunniste; control 50; vaihtoehto 50: guide, nudge.")),
    "sheet_columns": (Said("lacks the column `{value}` on the sheet `{sheet}`.", "Export the table again and move your edits into it."),
                      Said("Taulukosta `{sheet}` puuttuu sarake `{value}`.", "Vie taulukko uudelleen ja siirrä muutoksesi siihen.")),
}
MESSAGES: Final[dict[str, tuple[Said, Said]]] = {
    **_READING, **_CONTENT, **_RULES, **_EXPERIMENTS, **_PROMISES, **_EXAMPLES, **_SHEET,
}
"""Code to what is said in English and in Finnish."""

PHRASES: Final[dict[str, tuple[str, str]]] = {
    "meant": ("Did you mean `{value}`?", "Tarkoititko `{value}`?"),
    "allowed": ("Allowed: {values}.", "Sallitut: {values}."),
    "in_variant": (" in its variant `{value}`", " vaihtoehdossa `{value}`"),
    "from_day": (" from {day}", " {day} alkaen"),
    "value_of": ("value of {name}", "tiedon {name} arvo"),
    "of": ("{what} of {name}", "{what} ({name})"),
    "fact": ("fact", "tieto"), "channel": ("channel", "kanava"), "content": ("content", "sisältö"),
    "content_type": ("content type", "sisältötyyppi"), "topic": ("topic", "aihe"), "field": ("field", "kohta"),
    "parent_topic": ("parent topic", "yläaihe"), "outcome": ("outcome", "lopputulos"), "rule": ("rule", "sääntö"),
    "customer_type": ("customer type", "asiakastyyppi"), "promise": ("promise", "lupaus"), "check": ("check", "tarkistus"),
    "class": ("class", "luokka"), "audience": ("audience", "kohderyhmä"), "status": ("status", "tila"),
    "life_event": ("life event", "elämäntapahtuma"), "benefit": ("benefit", "etuus"), "language": ("language", "kieli"),
    "ptv_channel": ("PTV channel type", "PTV-kanavatyyppi"), "reason": ("reason", "perustelu"), "notice": ("notice", "ilmoitus"),
    "name": ("name", "nimi"), "description": ("description", "kuvaus"), "phrase": ("phrase", "ilmaus"), "label": ("label", "nimi"),
    "a_mapping": ("a set of `name: value` entries", "joukko `nimi: arvo` -kohtia"), "a_list": ("a list", "luettelo"),
    "a_text": ("a word or text", "sana tai teksti"), "a_number": ("a number", "luku"),
    "a_flag": ("`true` or `false`", "`true` tai `false`"), "segment": ("segment", "segmentti"), "signal": ("signal", "signaali"), "eve": ("eve", "aatto"),
    "preferred_channel": ("reason of a preferred channel", "toivotun kanavan perustelu"),
    "person": ("person", "henkilöasiakas"), "employer": ("employer", "työnantaja"),
    "bad_tab": ("a line begins with a tab; use spaces", "rivi alkaa sarkaimella; käytä välilyöntejä"),
    "bad_colon": ("a colon stands where none may; put the text in quotes, or check the indentation",
                  "kaksoispiste on väärässä paikassa; laita teksti lainausmerkkeihin tai tarkista sisennys"),
    "no_colon": ("a colon is missing after a name", "nimen jälkeen puuttuu kaksoispiste"),
    "open_bracket": ("a bracket was left open, or a comma is missing", "hakasulku jäi auki tai pilkku puuttuu"),
    "open_quote": ("a quotation mark was left open", "lainausmerkki jäi auki"),
    "bad_indent": ("the indentation does not match the lines above", "sisennys ei vastaa ylempiä rivejä"),
    "bad_yaml": ("it is not well-formed YAML ({problem})", "rakenne ei ole kelvollista YAMLia ({problem})"),
    "nobody_such": ("no customer is such", "tällaista asiakasta ei ole"),
    "taken_by": ("{deciders} decides", "sen ratkaisee {deciders}"),
    "not_human": ("`{channel}` is not answered by a person", "kanavassa `{channel}` ei vastaa ihminen"),
    "no_hours": ("`{channel}` has no opening hours", "kanavalla `{channel}` ei ole aukioloaikoja"),
    "not_theirs": ("`{value}` is not for {audience}s", "`{value}` ei ole tarkoitettu tälle asiakastyypille ({audience})"),
    "no_duty": ("nothing statutory can reach {audience}s with `{benefit}`",
                "lakisääteinen sisältö ei tavoita asiakasta ({audience}), jolla on `{benefit}`"),
    "duty_ends": ("{days} nothing statutory in {languages} reaches {audience}s with {benefits}",
                  "{days} lakisääteinen sisältö kielellä {languages} ei tavoita asiakasta ({audience}), jolla on {benefits}"),
    "days_from": ("from {start}", "{start} alkaen"), "days_until": ("until {end}", "{end} asti"),
    "days_every": ("on every day", "joka päivä"), "days_between": ("from {start} to {end}", "{start}–{end}"),
    "nobody_there": ("no human channel is left for {audience}s {log_in} who are served in `{language}`",
                     "asiakkaalle ({audience}), {log_in}, ei jää kanavaa, jossa ihminen palvelee kielellä `{language}`"),
    "with_log_in": ("with strong identification", "joka tunnistautuu vahvasti"),
    "without_log_in": ("not known to have strong identification", "jonka vahvasta tunnistautumisesta ei ole tietoa"),
    "no_card": ("{days} no page in `{language}` tells {audience}s how to reach `{channel}`",
                "{days} mikään sivu kielellä `{language}` ei kerro asiakkaalle ({audience}), miten kanavan `{channel}` tavoittaa"),
    "do_fallback": ("Add to `human_fallback:` in channels.yaml a channel that they can use.",
                    "Lisää tiedoston channels.yaml kohtaan `human_fallback:` kanava, jota he voivat käyttää."),
    "do_card": ("Add an approved `{value}` on a general topic.", "Lisää hyväksytty `{value}` yleisestä aiheesta."),
    "long_closed": ("`{channel}` is closed for more than three weeks after {day}",
                    "kanava `{channel}` on kiinni yli kolme viikkoa {day} jälkeen"),
    "do_open": ("Correct its hours or `exceptions:`, or take it out of `human_fallback:`.",
                "Korjaa aukioloajat tai kohta `exceptions:`, tai poista kanava kohdasta `human_fallback:`."),
    "not_neutral": ("objectors and minors get different answers", "personalisoinnin kieltänyt ja alaikäinen saavat eri vastauksen"),
    "do_human": ("Name a channel where a person answers, with its hours.", "Nimeä kanava, jossa vastaa ihminen, ja sen aukioloajat."),
    "do_audience": ("Choose what is meant for them.", "Valitse heille tarkoitettu vaihtoehto."),
    "do_duty": ("Add an approved statutory item for it to the catalogue.", "Lisää luetteloon hyväksytty lakisääteinen sisältö."),
    "do_duty_days": ("Renew it, or add an approved statutory item that covers these days.",
                     "Uusi se tai lisää hyväksytty lakisääteinen sisältö, joka kattaa nämä päivät."),
    "do_neutral": ("Write one rule for both: `personalisation: [objected, minor]`.",
                   "Kirjoita molemmille yksi sääntö: `personalisation: [objected, minor]`."),
}
"""Words and clauses that messages are filled with, in English and in Finnish."""
# fmt: on
