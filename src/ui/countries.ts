/*
 * Countries and territories of ISO 3166-1: the numeric code, the codes of two and three letters, a
 * place (longitude, latitude) for those that the map's shapes leave out, and the names that data
 * have for them, on as many lines as they need. A name that two of them have, such as "Korea", is
 * in none.
 */
export const COUNTRIES = `
004 AF AFG Afghanistan
008 AL ALB Albania
010 AQ ATA Antarctica
012 DZ DZA Algeria
016 AS ASM @-170.7,-14.3 American Samoa
020 AD AND @1.6,42.5 Andorra
024 AO AGO Angola
028 AG ATG @-61.8,17.3 Antigua and Barbuda
031 AZ AZE Azerbaijan
032 AR ARG Argentina
036 AU AUS Australia
040 AT AUT Austria
044 BS BHS Bahamas
048 BH BHR @50.5,26 Bahrain
050 BD BGD Bangladesh
051 AM ARM Armenia
052 BB BRB @-59.6,13.2 Barbados
056 BE BEL Belgium
060 BM BMU @-64.8,32.3 Bermuda
064 BT BTN Bhutan
068 BO BOL Bolivia
070 BA BIH Bosnia and Herzegovina|Bosnia
072 BW BWA Botswana
074 BV BVT @3.4,-54.4 Bouvet Island (Bouvetoya)|Bouvetoya
076 BR BRA Brazil
084 BZ BLZ Belize
086 IO IOT @72.4,-7.3 British Indian Ocean Territory (Chagos Archipelago)|Chagos Archipelago
090 SB SLB Solomon Islands
092 VG VGB @-64.5,18.5 British Virgin Islands|Virgin Islands, British
096 BN BRN Brunei|Brunei Darussalam
100 BG BGR Bulgaria
104 MM MMR Myanmar|Burma
108 BI BDI Burundi
112 BY BLR Belarus
116 KH KHM Cambodia
120 CM CMR Cameroon
124 CA CAN Canada
132 CV CPV @-24,16 Cape Verde|Cabo Verde
136 KY CYM @-80.9,19.4 Cayman Islands
140 CF CAF Central African Republic|Central African Rep.
144 LK LKA Sri Lanka
148 TD TCD Chad
152 CL CHL Chile
156 CN CHN China|People's Republic of China|Mainland China
158 TW TWN Taiwan|Chinese Taipei
162 CX CXR @105.6,-10.5 Christmas Island
166 CC CCK @96.9,-12.2 Cocos Islands|Keeling Islands
170 CO COL Colombia
174 KM COM @43.7,-11.9 Comoros
175 YT MYT @45.2,-12.8 Mayotte
178 CG COG Congo|Republic of the Congo|Congo-Brazzaville|Congo, Rep.
180 CD COD Democratic Republic of the Congo|Congo, Democratic Republic of the|DR Congo|Zaire
180 CD COD Congo, The Democratic Republic of the|Dem. Rep. Congo|Congo-Kinshasa|Congo, Dem. Rep.
184 CK COK @-159.8,-21.2 Cook Islands
188 CR CRI Costa Rica
191 HR HRV Croatia
192 CU CUB Cuba
196 CY CYP Cyprus
203 CZ CZE Czechia|Czech Republic
204 BJ BEN Benin
208 DK DNK Denmark
212 DM DMA @-61.4,15.4 Dominica
214 DO DOM Dominican Republic|Dominican Rep.
218 EC ECU Ecuador
222 SV SLV El Salvador
226 GQ GNQ Equatorial Guinea|Eq. Guinea
231 ET ETH Ethiopia
232 ER ERI Eritrea
233 EE EST Estonia
234 FO FRO @-6.9,62.1 Faroe Islands|Faeroe Islands
238 FK FLK Falkland Islands|Malvinas|Falkland Is.
239 GS SGS @-36.8,-54.4 South Georgia|South Georgia and the South Sandwich Islands
242 FJ FJI Fiji
246 FI FIN Finland
248 AX ALA @20,60.2 Åland Islands
250 FR FRA France
254 GF GUF @-53.1,3.9 French Guiana
258 PF PYF @-144.8,-14.7 French Polynesia
260 TF ATF French Southern Territories|French Southern and Antarctic Lands
262 DJ DJI Djibouti
266 GA GAB Gabon
268 GE GEO Georgia
270 GM GMB Gambia
275 PS PSE Palestine|Palestinian Territory|Palestinian Territories
275 PS PSE Occupied Palestinian Territory|State of Palestine|West Bank and Gaza
276 DE DEU Germany|Federal Republic of Germany
288 GH GHA Ghana
292 GI GIB @-5.3,36.1 Gibraltar
296 KI KIR @173,1.4 Kiribati
300 GR GRC Greece
304 GL GRL Greenland
308 GD GRD @-61.7,12.1 Grenada
312 GP GLP @-61.5,16.2 Guadeloupe
316 GU GUM @144.8,13.4 Guam
320 GT GTM Guatemala
324 GN GIN Guinea
328 GY GUY Guyana
332 HT HTI Haiti
334 HM HMD @73.5,-53.1 Heard Island and McDonald Islands
336 VA VAT @12.4,41.9 Vatican|Vatican City|Holy See|Vatican City State
340 HN HND Honduras
344 HK HKG @114.1,22.4 Hong Kong|Hong Kong SAR
348 HU HUN Hungary
352 IS ISL Iceland
356 IN IND India
360 ID IDN Indonesia
364 IR IRN Iran
368 IQ IRQ Iraq
372 IE IRL Ireland
376 IL ISR Israel
380 IT ITA Italy
384 CI CIV Côte d'Ivoire|Ivory Coast
388 JM JAM Jamaica
392 JP JPN Japan
398 KZ KAZ Kazakhstan
400 JO JOR Jordan
404 KE KEN Kenya
408 KP PRK North Korea|Democratic People's Republic of Korea
408 KP PRK Korea, Democratic People's Republic of|Korea, North
410 KR KOR South Korea|Republic of Korea|Korea, Republic of|Korea, South
414 KW KWT Kuwait
417 KG KGZ Kyrgyzstan|Kyrgyz Republic
418 LA LAO Laos|Lao People's Democratic Republic|Lao PDR
422 LB LBN Lebanon
426 LS LSO Lesotho
428 LV LVA Latvia
430 LR LBR Liberia
434 LY LBY Libya|Libyan Arab Jamahiriya
438 LI LIE @9.5,47.1 Liechtenstein
440 LT LTU Lithuania
442 LU LUX Luxembourg
446 MO MAC @113.5,22.2 Macao|Macau
450 MG MDG Madagascar
454 MW MWI Malawi
458 MY MYS Malaysia
462 MV MDV @73.5,3.7 Maldives
466 ML MLI Mali
470 MT MLT @14.4,35.9 Malta
474 MQ MTQ @-61,14.7 Martinique
478 MR MRT Mauritania
480 MU MUS @57.6,-20.3 Mauritius
484 MX MEX Mexico
492 MC MCO @7.4,43.8 Monaco
496 MN MNG Mongolia
498 MD MDA Moldova|Republic of Moldova
499 ME MNE Montenegro
500 MS MSR @-62.2,16.7 Montserrat
504 MA MAR Morocco
508 MZ MOZ Mozambique
512 OM OMN Oman
516 NA NAM Namibia
520 NR NRU @166.9,-0.5 Nauru
524 NP NPL Nepal
528 NL NLD Netherlands|Holland
530 AN ANT @-69,12.2 Netherlands Antilles
531 CW CUW @-69,12.2 Curaçao
533 AW ABW @-70,12.5 Aruba
534 SX SXM @-63.1,18.1 Sint Maarten
535 BQ BES @-68.3,12.2 Bonaire|Caribbean Netherlands|Bonaire, Sint Eustatius and Saba
540 NC NCL New Caledonia
548 VU VUT Vanuatu
554 NZ NZL New Zealand
558 NI NIC Nicaragua
562 NE NER Niger
566 NG NGA Nigeria
570 NU NIU @-169.9,-19 Niue
574 NF NFK @167.9,-29.1 Norfolk Island
578 NO NOR Norway
580 MP MNP @145.6,15.8 Northern Mariana Islands
581 UM UMI @166.6,19.3 United States Minor Outlying Islands
583 FM FSM @153.3,7.5 Micronesia|Federated States of Micronesia
584 MH MHL @170.3,7 Marshall Islands
585 PW PLW @134.4,7.3 Palau
586 PK PAK Pakistan
591 PA PAN Panama
598 PG PNG Papua New Guinea
600 PY PRY Paraguay
604 PE PER Peru
608 PH PHL Philippines
612 PN PCN @-128.3,-24.4 Pitcairn|Pitcairn Islands
616 PL POL Poland
620 PT PRT Portugal
624 GW GNB Guinea-Bissau
626 TL TLS Timor-Leste|East Timor
630 PR PRI Puerto Rico
634 QA QAT Qatar
638 RE REU @55.5,-21.1 Réunion
642 RO ROU Romania
643 RU RUS Russia|Russian Federation
646 RW RWA Rwanda
652 BL BLM @-62.8,17.9 Saint Barthélemy|Saint Barth
654 SH SHN @-9.7,-12.4 Saint Helena|Saint Helena, Ascension and Tristan da Cunha
659 KN KNA @-62.7,17.3 Saint Kitts and Nevis
660 AI AIA @-63.1,18.2 Anguilla
662 LC LCA @-61,13.9 Saint Lucia
663 MF MAF @-63.1,18.1 Saint Martin
666 PM SPM @-56.3,46.9 Saint Pierre and Miquelon
670 VC VCT @-61.2,13.2 Saint Vincent and the Grenadines
674 SM SMR @12.5,43.9 San Marino
678 ST STP @6.7,0.4 São Tomé and Príncipe
682 SA SAU Saudi Arabia
686 SN SEN Senegal
688 RS SRB Serbia
690 SC SYC @55.5,-4.7 Seychelles
694 SL SLE Sierra Leone
702 SG SGP @103.8,1.4 Singapore
703 SK SVK Slovakia|Slovak Republic
704 VN VNM Vietnam|Viet Nam
705 SI SVN Slovenia
706 SO SOM Somalia
710 ZA ZAF South Africa
716 ZW ZWE Zimbabwe
724 ES ESP Spain
728 SS SSD South Sudan
729 SD SDN Sudan
732 EH ESH Western Sahara|W. Sahara
740 SR SUR Suriname
744 SJ SJM @18,78.6 Svalbard and Jan Mayen|Svalbard|Svalbard & Jan Mayen Islands
748 SZ SWZ Eswatini|Swaziland
752 SE SWE Sweden
756 CH CHE Switzerland
760 SY SYR Syria|Syrian Arab Republic
762 TJ TJK Tajikistan
764 TH THA Thailand
768 TG TGO Togo
772 TK TKL @-171.8,-9.2 Tokelau
776 TO TON @-174.8,-20.4 Tonga
780 TT TTO Trinidad and Tobago
784 AE ARE United Arab Emirates|UAE
788 TN TUN Tunisia
792 TR TUR Türkiye|Turkey
795 TM TKM Turkmenistan
796 TC TCA @-72,21.8 Turks and Caicos Islands
798 TV TUV @179.2,-8.5 Tuvalu
800 UG UGA Uganda
804 UA UKR Ukraine
807 MK MKD North Macedonia|Macedonia|Former Yugoslav Republic of Macedonia
818 EG EGY Egypt
826 GB GBR United Kingdom|UK|Great Britain|Britain
826 GB GBR United Kingdom of Great Britain and Northern Ireland
831 GG GGY @-2.6,49.5 Guernsey
832 JE JEY @-2.1,49.2 Jersey
833 IM IMN @-4.5,54.2 Isle of Man
834 TZ TZA Tanzania|United Republic of Tanzania
840 US USA United States|United States of America|USA|US
850 VI VIR @-64.8,18 United States Virgin Islands|US Virgin Islands|Virgin Islands, U.S.
854 BF BFA Burkina Faso
858 UY URY Uruguay
860 UZ UZB Uzbekistan
862 VE VEN Venezuela
876 WF WLF @-177.3,-13.9 Wallis and Futuna
882 WS WSM @-172.2,-13.8 Samoa
887 YE YEM Yemen
894 ZM ZMB Zambia
`;
