"""The messages of `messages` in Swedish; a test holds both to the same codes and names. Data only."""

from __future__ import annotations

from typing import Final, NamedTuple


class Said(NamedTuple):
    """A message and its remedy."""

    message: str
    remedy: str


# fmt: off
MESSAGES_SV: Final[dict[str, Said]] = {
    "too_large": Said("Filen är större än {limit} KiB.", "Dela upp den eller ta bort det som inte behövs."),
    "missing_file": Said("Filen saknas.", "Återställ den från den senast publicerade versionen."),
    "not_text": Said("Filen kan inte läsas: texten är inte i UTF-8.", "Spara filen på nytt som UTF-8."),
    "unreadable": Said("Filen kan inte läsas: {problem}.", "Kontrollera indrag, kolon och citattecken på den här raden."),
    "alias": Said("En del upprepas med tecknet `&` eller `*`.", "Skriv ut delen på varje ställe."),
    "tag": Said("Filen har en typmärkning, `{value}`.", "Ta bort den: vanliga ord, tal och listor räcker."),
    "too_deep": Said("Filen har mer än {limit} nivåer inuti varandra.", "Stäng hakparenteser som är öppna eller förenkla strukturen."),
    "duplicate_key": Said("`{key}:` står två gånger på samma ställe.", "Behåll en av dem."),
    "not_mapping": Said("Filen har inga rader av formen `namn: värde`.", "Utgå från kommentarerna i den publicerade filen."),
    "wrong_shape": Said("Punkten `{key}:` är inte {shape}.", "Se hur punkterna bredvid är skrivna."),
    "no_id": Said("Id saknas.", "Ge ett eget `id:` med små bokstäver och bindestreck."),
    "id_taken": Said("Id:t används redan.", "Ge ett eget id."),
    "no_such": Said("Fel i {what}: `{value}` finns inte.", "{hint}"),
    "no_text": Said("Text saknas: {what} på språket `{language}`.", "Skriv `{language}:` under den."),
    "no_date": Said("Värdet i `{key}` är inget datum.", "Skriv det som 2026-05-31."),
    "lacks_channel": Said("Kanalen `{value}` saknas.", "Beskriv varje kanal i kodlistan."),
    "human_always": Said("I kanalen {value} skulle en människa svara dygnet runt.", "Skriv kanalens öppettider."),
    "hours_form": Said("Öppettiderna för {value} kan inte läsas.", 'Skriv `always`, eller för varje vardag `mon: ["09:00", "16:00"]`.'),
    "no_capacity": Said("`capacity_per_day` för {value} är inget positivt tal.", "Ange kunder per arbetsdag eller lämna bort punkten."),
    "statutory_for_nobody": Said("Innehållet är lagstadgat men nämner ingen förmån.", "Räkna upp under `benefits:` vems kunder som måste få det."),
    "no_title": Said("Rubrik eller adress saknas på språket `{language}`.", "Lägg till båda eller lämna bort språket."),
    "no_language": Said("Innehållet är godkänt men finns inte på något språk.", "Lägg till rubrik och adress eller gör det till ett utkast."),
    "expires": Said("Innehållet går ut {day}.", "Förnya det eller ersätt det."),
    "entitlement": Said("Texten på språket `{language}` utlovar en rätt: “{words}”.", "Berätta i stället vad kunden kan läsa, kontrollera eller göra."),
    "no_days": Said("`answer_valid_days` är inget heltal från 1 till 366.", "Ange hur många dagar ett svar gäller."),
    "segment_in_id": Said("Id:t innehåller segmentets namn `{value}`.", "Välj ett annat id: id:n följer med svaren, segment gör det inte."),
    "hit_policy": Said("`hit_policy: first` saknas.", "Det finns inget annat val: den första regeln som passar avgör."),
    "no_field": Said("Punkten `{key}:` saknas.", "Berätta vem som ansvarar för regeln och vad den grundar sig på: `{key}:`."),
    "no_outcome": Said("Under `then:` saknas `{key}:`.", "Välj ett: varje regel säger var och vad."),
    "wrong_audience": Said("Kanalen `{value}` är inte avsedd för den här kundtypen ({audience}).", "Välj en kanal som är avsedd för dem."),
    "no_person": Said("I kanalen `{value}` svarar ingen människa.", "Välj en kanal där en människa svarar."),
    "cannot_carry": Said("Innehållet `{value}` passar inte i kanalen `{channel}`.", "{hint}"),
    "valid_reversed": Said("Regeln slutar {until} innan den börjar {start}.", "Byt plats på dagarna under `valid:`."),
    "valid_overlap": Said("Regeln har samma villkor som `{other}`, och båda gäller {day}.", "Avsluta den ena dagen innan den andra börjar."),
    "gap": Said("För en del kunder ({kind}) finns ingen regel{period}.", "Lägg till en sista regel utan `when:`."),
    "never_covered": Said("Regeln kan aldrig gälla: reglerna ovanför ({deciders}) tar alla sådana kunder.", "Flytta upp den, begränsa de andra eller ta bort den."),
    "never_nobody": Said("Regeln kan aldrig gälla: det finns ingen sådan kund.", "Rätta villkoren eller ta bort regeln."),
    "changes_nothing": Said("Regeln ändrar ingenting: utan den ger {deciders} samma kunder samma svar.", "Ta bort den eller ge den ett eget svar."),
    "misleading": Said("Regeln är missvisande: den nämner {fact} {values} men avgör aldrig för sådana kunder: {deciders}.", "Ta bort värdet, eller flytta upp regeln om den ska avgöra."),
    "no_content": Said("Regeln erbjuder `{value}`, som katalogen inte har om ämnet på {languages}.", "Lägg till ett sådant (ett allmänt duger) eller välj en annan typ."),
    "too_tangled": Said("Tabellen kan inte bevisas: {problem}.", "Minska antalet regler eller förenkla villkoren."),
    "no_variants": Said("Experimentet har inga varianter.", "Lägg till en under `variants:` eller ta bort experimentet."),
    "experiment_id": Said("Ett experiment eller en variant har ett id som inte kan användas.", "Skriv det med små bokstäver, siffror och bindestreck, högst {limit} tecken."),
    "experiment_taken": Said("Experimentets id `{value}` används redan av `{other}`.", "Ge varje experiment ett eget id."),
    "variant_taken": Said("Variantens id `{value}` används redan.", "Ge varje variant ett eget id; `control` är regelns eget innehåll."),
    "no_share": Said("Experimentet anger ingen andel för `{value}`.", "Ange ett heltal i procent, från 1 till 99."),
    "shares": Said("Andelarna i experimentet blir {total} procent.", "Låt `control_share` och varianternas andelar bli 100."),
    "variant_empty": Said("Varianten `{value}` har inget innehåll.", "Ange innehållstyper i ordning: `content:`."),
    "variant_same": Said("Varianten `{value}` erbjuder samma innehåll som `{other}`.", "Ändra den eller ta bort varianten: det finns inget att jämföra."),
    "experiment_for_nobody": Said("Regeln har ett experiment men avgör bara för dem som motsatt sig anpassning och minderåriga, som inte deltar i något.", "Ta bort experimentet."),
    "sheet_experiment": Said("Experimentet i cellen {cell} kan inte läsas.", "Skriv det så här: ett-id; control 50; en-variant 50: guide, nudge."),
    "no_says": Said("Löftet är inte utskrivet.", "Skriv en mening under `says:`."),
    "breaks": Said("Regeln bryter löftet `{guarantee}` ({says}){variant}{period}.", "Byt kanal eller innehåll, eller lägg till en regel ovanför för de här kunderna."),
    "no_promise": Said("Löftet `check: {value}` saknas.", "Återställ det: löftet gäller oberoende av reglerna."),
    "promise_broken": Said("Löftet `{guarantee}` bryts: {what}.", "{hint}"),
    "no_kind": Said("`for: person` eller `for: employer` saknas.", "Lägg till det."),
    "cannot_have": Said("`{fact}` kan inte ha det här värdet.", "Se listan över uppgifter."),
    "comes_out": Said("Väntat: {what} `{expected}`, men tabellen ger `{found}` med regeln `{rule}`{period}.", "Rätta regeln, eller exemplet om ändringen är avsedd."),
    "no_example": Said("Regeln har inget exempel.", "Lägg till ett i examples.yaml."),
    "sheet_formula": Said("Cellen {cell} har en formel.", "Skriv själva texten eller talet."),
    "sheet_order": Said("I kolumnen `order`, {cell}, finns inget tal.", "Ange platsen: 12.5 kommer mellan 12 och 13."),
    "sheet_columns": Said("Kolumnen `{value}` saknas på bladet `{sheet}`.", "Exportera tabellen på nytt och flytta dina ändringar dit."),
}
PHRASES_SV: Final[dict[str, str]] = {
    "meant": "Menade du `{value}`?", "allowed": "Tillåtna: {values}.", "from_day": " från {day}",
    "in_variant": " i varianten `{value}`", "value_of": "värdet av {name}", "of": "{what} ({name})",
    "fact": "uppgiften", "channel": "kanal", "content": "innehåll", "content_type": "innehållstyp", "topic": "ämne",
    "field": "punkt", "parent_topic": "överordnat ämne", "outcome": "utfall", "rule": "regel", "customer_type": "kundtyp",
    "promise": "löfte", "check": "kontroll", "class": "klass", "audience": "målgrupp", "status": "status",
    "life_event": "livshändelse", "benefit": "förmån", "language": "språk", "ptv_channel": "kanaltyp i PTV", "reason": "motivering",
    "notice": "meddelande", "name": "namn", "description": "beskrivning", "phrase": "uttryck", "label": "namn",
    "a_mapping": "en samling rader av formen `namn: värde`", "a_list": "en lista", "a_text": "ett ord eller en text",
    "person": "person", "employer": "arbetsgivare",
    "bad_tab": "en rad börjar med tabulator; använd mellanslag",
    "bad_colon": "ett kolon står på fel plats; sätt texten inom citattecken eller kontrollera indraget",
    "no_colon": "ett kolon saknas efter ett namn", "open_bracket": "en hakparentes är öppen eller ett komma saknas",
    "open_quote": "ett citattecken är öppet", "bad_indent": "indraget passar inte ihop med raderna ovanför",
    "bad_yaml": "strukturen är inte giltig YAML ({problem})", "nobody_such": "det finns ingen sådan kund",
    "taken_by": "{deciders} avgör", "not_human": "i kanalen `{channel}` svarar ingen människa",
    "no_hours": "kanalen `{channel}` har inga öppettider",
    "not_theirs": "`{value}` är inte avsedd för den här kundtypen ({audience})",
    "no_duty": "inget lagstadgat innehåll når en kund ({audience}) med `{benefit}`",
    "not_neutral": "den som motsatt sig anpassning och minderåriga får olika svar",
    "do_human": "Ange en kanal där en människa svarar, med öppettider.", "do_audience": "Välj något som är avsett för dem.",
    "do_duty": "Lägg till ett godkänt lagstadgat innehåll i katalogen.",
    "do_neutral": "Skriv en regel för båda: `personalisation: [objected, minor]`.",
}
# fmt: on
