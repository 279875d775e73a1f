"""English names of languages: those of ISO 639-1, and others that tasks name."""

from __future__ import annotations

LANGUAGES = frozenset(
    name.strip()
    for name in """
    Abkhazian, Afar, Afrikaans, Akan, Albanian, Amharic, Arabic, Aragonese, Armenian, Assamese,
    Avaric, Avestan, Aymara, Azerbaijani, Bambara, Bashkir, Basque, Belarusian, Bengali, Bislama,
    Bosnian, Breton, Bulgarian, Burmese, Catalan, Central Khmer, Chamorro, Chechen, Chinese,
    Church Slavic, Chuvash, Cornish, Corsican, Cree, Croatian, Czech, Danish, Dhivehi, Dutch,
    Dzongkha, English, Esperanto, Estonian, Ewe, Faroese, Fijian, Finnish, French, Fulah, Gaelic,
    Galician, Ganda, Georgian, German, Guarani, Gujarati, Haitian, Hausa, Hebrew, Herero, Hindi,
    Hiri Motu, Hungarian, Icelandic, Ido, Igbo, Indonesian, Interlingua, Interlingue, Inuktitut,
    Inupiaq, Irish, Italian, Japanese, Javanese, Kalaallisut, Kannada, Kanuri, Kashmiri, Kazakh,
    Kikuyu, Kinyarwanda, Kirghiz, Komi, Kongo, Korean, Kuanyama, Kurdish, Lao, Latin, Latvian,
    Limburgan, Lingala, Lithuanian, Luba-Katanga, Luxembourgish, Macedonian, Malagasy, Malay,
    Malayalam, Maltese, Manx, Maori, Marathi, Marshallese, Modern Greek, Mongolian, Nauru, Navajo,
    Ndonga, Nepali, North Ndebele, Northern Sami, Norwegian, Norwegian Bokmål, Norwegian Nynorsk,
    Nyanja, Occitan, Ojibwa, Oriya, Oromo, Ossetian, Pali, Panjabi, Pashto, Persian, Polish,
    Portuguese, Pushto, Quechua, Romanian, Romansh, Rundi, Russian, Samoan, Sango, Sanskrit,
    Sardinian, Scottish Gaelic, Serbian, Serbo-Croatian, Shona, Sichuan Yi, Sindhi, Sinhala, Slovak,
    Slovenian, Somali, South Ndebele, Southern Sotho, Spanish, Sundanese, Swahili, Swati, Swedish,
    Tagalog, Tahitian, Tajik, Tamil, Tatar, Telugu, Thai, Tibetan, Tigrinya, Tonga, Tsonga, Tswana,
    Turkish, Turkmen, Twi, Uighur, Ukrainian, Urdu, Uzbek, Venda, Vietnamese, Volapük, Walloon,
    Welsh, Western Frisian, Wolof, Xhosa, Yiddish, Yoruba, Zhuang, Zulu,
    Castilian, Central Kurdish, Filipino, Iranian Persian, Standard Arabic
    """.replace("\n", " ").split(",")
)
