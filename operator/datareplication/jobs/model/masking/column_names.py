"""What the name of a column says about its values, in the usual words of six languages. Pure."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType

from datareplication.jobs.model.masking.presets import PRESETS
from datareplication.jobs.model.masking.topics import Topic


def words_of(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_WORDS: Mapping[Topic, str] = MappingProxyType(
    {
        "Secret": """password passwd pwd passwort kennwort passphrase motdepasse mdp contrasena wachtwoord secret token
            apikey salt digest otp totp cvv cvc pin hash hashed bearer jwt session sessionid cookie credential
            credentials privatekey accesskey secretkey licensekey signature nonce""",
        "Email": "email mail emailaddress mailaddress mailadresse courriel correo",
        "Phone": """phone phonenumber tel telephone telefon telefonnummer rufnummer mobile mobil mobilenumber cell
            cellphone handy handynummer fax faxnumber natel gsm msisdn movil telefono cellulare telefoon telefoonnummer
            whatsapp""",
        "FirstName": """firstname fname givenname forename vorname prenom prenoms voornaam middlename nickname rufname
            nombre primernombre""",
        "LastName": """lastname lname surname familyname nachname familienname nom apellido apellidos cognome achternaam
            maidenname geburtsname nomdefamille""",
        "Name": """fullname realname displayname personname contactname holder accountholder cardholder recipient
            beneficiary payee ansprechpartner empfaenger kontoinhaber nomcomplet nombrecompleto nomecompleto
            billingname shippingname patientname customername author signatory inhaber buyer
            seller assignee reviewer approver sender receiver kaeufer absender""",
        "Username": """username user login loginname handle screenname benutzername benutzer utilisateur usuario
            utente by owner operator agent editor""",
        "Company": """company companyname organization organisation organizationname firma firmenname unternehmen
            entreprise societe empresa azienda ragionesociale bedrijf bedrijfsnaam employer arbeitgeber""",
        "Street": """street streetname strasse address addr address1 address2 addressline adresse anschrift rue calle
            direccion via indirizzo straat adres hausnummer housenumber housenr""",
        "City": """city town stadt ort wohnort ville ciudad citta plaats woonplaats stad birthplace geburtsort village
            commune municipality""",
        "Postcode": "zip zipcode postcode postalcode plz postleitzahl codepostal codigopostal cap",
        "Iban": "iban",
        "Account": """accountnumber accountno kontonummer bankaccount bankkonto kontonr numerocuenta rekeningnummer
            bic swift blz routingnumber sortcode""",
        "Card": "card cardnumber cardno pan ccnumber creditcard kreditkarte kartennummer numerocarte tarjeta",
        "Identity": """ssn socialsecurity socialsecuritynumber passport passportnumber passportno reisepass nationalid
            taxid taxnumber taxno tin vat vatid vatnumber ustid ustidnr steuernummer steuerid ahv avs avsnummer
            ahvnummer sozialversicherungsnummer nir insee dni nie nif curp rfc codicefiscale bsn personnummer pesel cpf
            cnpj
            identitycard ausweis ausweisnummer driverlicense drivinglicense licensenumber fuehrerschein
            versichertennummer insurancenumber mrn patientid deviceid imei imsi mac macaddress licenseplate kennzeichen
            vin""",
        "Birth": """birth birthday birthdate dateofbirth dob born geburtsdatum geburtstag geburt geboren gebdatum gebdat
            naissance datenaissance datedenaissance nacimiento fechanacimiento nascita datanascita geboortedatum
            birthyear yearofbirth geburtsjahr death deathdate""",
        "Address": "ip ipaddress ipaddr ipv4 ipv6 remoteaddr remoteaddress clientip peer",
        "Url": "url uri link website homepage webseite avatar picture photo photourl foto image referrer referer",
        "Prose": """comment comments commentary note notes description bemerkung bemerkungen notiz notizen beschreibung
            kommentar kommentare remark remarks message messages body content text subject reason feedback answer bio
            about memo nota commentaire commentaires remarque descripcion opmerking opmerkingen inhalt nachricht
            begruendung useragent payload query search transcript summary""",
        "Place": "latitude longitude lat lng lon breitengrad laengengrad coordinates geo geolocation location gps",
        "Income": "salary income wage gehalt lohn einkommen salaire revenu sueldo salario stipendio reddito salaris",
        "Special": """gender sex geschlecht sexe sexo sesso geslacht religion konfession confession ethnicity race
            diagnosis diagnose diagnostic disease disability allergies bloodtype blutgruppe maritalstatus zivilstand
            familienstand nationality staatsangehoerigkeit nationalite nacionalidad union orientation""",
        "Harmless": """status state type kind category currency waehrung country countrycode land pays pais paese
            language lang locale sprache langue timezone tz version unit mime mimetype contenttype level priority
            direction method mode scope environment env severity encoding format""",
    }
)

_KNOWN: Mapping[str, Topic] = MappingProxyType(
    {word: topic for topic, words in reversed(list(_WORDS.items())) for word in words.split()}
)
"""Word -> topic. If a word stands in two topics, the first one counts."""

_PERSONS = words_of(
    """user users customer customers person persons people employee employees contact contacts client clients member
    members patient patients student students teacher teachers candidate candidates applicant applicants guest guests
    subscriber subscribers staff owner owners tenant tenants passenger passengers resident residents beneficiary kunde
    kunden benutzer mitarbeiter personen kontakt kontakte mitglied mitglieder patienten personne personnes utilisateur
    utilisateurs employes cliente clientes usuario usuarios persona personas empleados utenti clienti dipendenti
    klant klanten gebruiker gebruikers medewerker medewerkers lead leads profile profiles driver drivers author
    authors"""
)
_SHARED = frozenset({"name", "nom", "nombre", "nome", "naam", "title", "label"})
"""Names that a person has as well as a product."""

_MOMENTS = words_of(
    """at on date time datetime timestamp ts day created updated modified deleted inserted changed start started begin
    end ended finish finished due valid from to until since expires expiry expired last next first sent received paid
    ordered shipped delivered published processed scheduled completed closed opened login seen run erstellt geaendert
    datum beginn ende fecha data"""
)

_TRANSLATED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "œ": "oe", "æ": "ae"})
_LONGEST = 4
"""How many parts of a name make one word at most: `date_of_birth` has three."""


def topic(column: str, table: str = "") -> Topic | None:
    """Return the topic that the name of a column, and that of its table, stand for; None if the name says nothing."""
    if any(fnmatchcase(column.lower(), one.column) for one in PRESETS["Secrets"]):
        return "Secret"
    parts = _parts(column)
    found = [known for word in _words(parts) if (known := _KNOWN.get(word) or _KNOWN.get(word.removesuffix("s")))]
    if len(parts) == 1 and parts[0] in _SHARED:
        return "Name" if _is_of_persons(table) and parts[0] not in {"title", "label"} else None
    if parts and _KNOWN.get(parts[-1]) == "Harmless":  # email_status, card_type
        return "Harmless"
    return next((one for one in found if one != "Harmless"), None)


def is_of_moment(column: str) -> bool:
    """Return whether a date of this name tells when something happened, and nothing about a person."""
    parts = _parts(column)
    return bool(parts) and (parts[-1] in _MOMENTS or parts[0] in _MOMENTS)


def _is_of_persons(table: str) -> bool:
    return any(part in _PERSONS for part in _parts(table))


def _words(parts: list[str]) -> Iterator[str]:
    """Yield the words that neighbouring parts of a name make, the longest first."""
    for length in range(min(len(parts), _LONGEST), 0, -1):
        for start in range(len(parts) - length + 1):
            yield "".join(parts[start : start + length])


def _parts(name: str) -> list[str]:
    """Return the parts of a name in lower case and without accents: `Geburts-Datum`, `birthDate`, `birth_date`."""
    split = re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", name)
    plain = unicodedata.normalize("NFKD", split.lower().translate(_TRANSLATED))
    letters = "".join(one for one in plain if not unicodedata.combining(one))
    return [part for part in re.split(r"[^a-z\d]+", letters) if part]
