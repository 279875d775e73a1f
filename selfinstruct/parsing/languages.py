"""The words of a reply's form in many languages: names of fields, yes and no, "no input".

Each text is a pattern without groups; a blank stands for blanks of any number. English comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

INSTRUCTIONS = (
    r"Instructions?|Tasks?", r"Anweisung|Aufgabe", r"Consigne|T[âa]che", r"Instrucci[óo]n|Tarea",
    r"Instru[çc][ãa]o|Tarefa", r"Istruzione|Compito", r"Instructie|Opdracht|Taak",
    r"Инструкция|Задание|Задача", r"指令|任务|任務|指示|说明", r"タスク|課題|命令",
    r"지시문?|지시 ?사항|과제|작업|명령", r"Hướng dẫn|Nhiệm vụ|Chỉ dẫn|Yêu cầu",
    r"التعليمات|التعليمة|تعليمات|المهمة|مهمة", r"निर्देश|कार्य",
)  # fmt: skip
INPUTS = (
    r"Inputs?", r"Eingabe", r"Entr[ée]e", r"Entrada", r"Ingresso", r"Invoer",
    r"Ввод|Вход|Входные данные", r"输入|輸入", r"入力", r"입력", r"Đầu vào|Dữ liệu đầu vào",
    r"المدخلات|المدخل|الإدخال|مدخلات", r"इनपुट",
)  # fmt: skip
OUTPUTS = (
    r"Outputs?", r"Ausgabe|Antwort", r"Sortie|R[ée]ponse", r"Salida|Respuesta",
    r"Sa[íi]da|Resposta", r"Uscita|Risposta", r"Uitvoer|Antwoord",
    r"Вывод|Выход|Выходные данные|Ответ", r"输出|輸出|回答|答案", r"出力|答え|解答",
    r"출력|답변|정답|답", r"Đầu ra|Trả lời|Câu trả lời|Kết quả",
    r"المخرجات|المخرج|الإخراج|مخرجات|الإجابة|الجواب", r"आउटपुट|उत्तर",
)  # fmt: skip
LABELS = (
    r"Class(?: |_|-)?label|Label|Class|Category|Classification",
    r"Klassen?-?(?:bezeichnung|label)|Label|Klasse|Kategorie",
    r"[ÉE]tiquette(?: de (?:la )?classe)?|Libell[ée]|Classe|Cat[ée]gorie",
    r"Etiqueta(?: de (?:la )?clase)?|Clase|Categor[íi]a",
    r"R[óo]tulo(?: d[ea] classe)?|Etiqueta(?: d[ea] classe)?|Classe|Categoria",
    r"Etichetta(?: d(?:i|ella) classe)?|Classe|Categoria", r"Klassenlabel|Klasselabel|Categorie",
    r"Метка(?: класса)?|Класс|Категория", r"类别标签|類別標籤|分类标签|标签|標籤|类别|類別|分类",
    r"クラス ?ラベル|分類ラベル|ラベル|クラス|カテゴリー?", r"클래스 ?(?:레이블|라벨)|레이블|라벨|클래스|분류",
    r"Nhãn(?: lớp)?|Lớp|Phân loại", r"تسمية الفئة|التسمية|الفئة|التصنيف", r"वर्ग ?लेबल|लेबल|वर्ग|श्रेणी",
)  # fmt: skip
EXAMPLES = (
    r"Example|Instance|Case|Sample", r"Beispiel", r"Exemple", r"Ejemplo", r"Exemplo", r"Esempio",
    r"Voorbeeld", r"Пример", r"示例|例子|样例|范例|範例|实例|例", r"例題|サンプル", r"예시|예제|예",
    r"Ví dụ", r"المثال|مثال", r"उदाहरण",
)  # fmt: skip
YES = (
    "yes|true", "ja", "oui", r"sí|sì|si(?=\W*$)", "sim", "да", "是的|是|对", "はい", "예|네",
    "có(?! thể)|đúng|vâng", "نعم", "जी हाँ|हाँ|हां",
)  # fmt: skip
NO = (
    "no|false", "nein", "non", "não|nao", "nee", "нет", "不是|否|不", "いいえ", "아니요|아니오|아뇨",
    "không", "لا", "नहीं",
)  # fmt: skip
ANSWERS = (
    r"answer|labels?|classification(?: task)?|verdict|conclusion", r"antwort|klassifikation",
    r"réponse|classification", r"respuesta|clasificación", r"resposta|classificação",
    r"risposta|classificazione", r"antwoord|classificatie", r"ответ|классификация",
    r"答案|回答|分类|分類", r"答え|分類タスク", r"정답|답변?|분류", r"câu trả lời|trả lời|phân loại",
    r"الإجابة|الجواب|التصنيف", r"उत्तर|वर्गीकरण",
)  # fmt: skip
NO_INPUT = (
    r"keine?(?: eingabe)?(?: (?:erforderlich|nötig|notwendig|benötigt|vorhanden))?|nicht zutreffend|leer",
    r"aucune?(?: (?:entrée|donnée))?(?: (?:requise?|nécessaire|fournie))?|sans (?:entrée|objet)|néant|vide",
    r"ningun[oa]?(?: entrada)?(?: (?:necesaria|requerida))?|(?:sin|no (?:hay|requiere|se requiere)) entrada|no aplica|vac[íi]o",
    r"nenhuma?(?: entrada)?(?: (?:necessária|requerida))?|sem entrada|não (?:há entrada|se aplica|aplicável)|vazio",
    r"nessun[oa]?(?: (?:input|ingresso|dato))?(?: (?:richiesto|necessario))?|senza input|non applicabile|vuoto",
    r"geen(?: (?:invoer|input))?(?: (?:nodig|vereist))?|niet van toepassing|leeg",
    r"нет(?: (?:ввода|входных данных))?|(?:ввод )?не (?:требуется|нужен|применимо)|без ввода|отсутствует|пусто",
    r"(?:无|無|没有|不|不需要|无需|無需)(?:需要)?(?:额外|其他)?(?:输入|輸入)(?:内容)?|无|無|空|不适用|不適用",
    r"(?:入力)?(?:は)?(?:なし|無し|不要|ありません|不要です|なしです)|該当なし|空",
    r"(?:입력(?:이|은|값)? ?)?(?:없음|없습니다|필요 ?없음|불필요)|해당 ?없음",
    r"không(?: (?:có|cần))?(?: (?:đầu vào|dữ liệu))?|không áp dụng|trống",
    r"(?:لا (?:يوجد|توجد|يلزم)|بدون|دون)(?: (?:مدخلات|مدخل|إدخال))?|لا شيء|فارغ|غير مطلوب",
    r"(?:कोई )?(?:इनपुट )?(?:नहीं|आवश्यक नहीं|की आवश्यकता नहीं(?: है)?)|लागू नहीं|रिक्त",
)  # fmt: skip


def any_of(*tables: Iterable[str]) -> str:
    """A pattern for the words of the tables. The longest come first, blanks may be any blanks."""
    words = {word for table in tables for text in table for word in _alternatives(text)}
    ordered = sorted(words, key=lambda word: (-len(word), word))
    return "|".join(ordered).replace(" ", r"[ \t]+").replace(r"[ \t]+?", r"[ \t]*")


@lru_cache(maxsize=4096)
def field_of(name: str) -> str:
    """The field of a JSON object's name: instruction, input or output; else the name itself."""
    plain = re.sub(r"[\W_]+", " ", name).strip()
    for field, pattern in _FIELDS.items():
        if pattern.fullmatch(plain):
            return field
    return name


def _alternatives(pattern: str) -> list[str]:
    """The alternatives of a pattern that are in no group."""
    found, depth = [""], 0
    for letter in pattern:
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    return found


_FIELDS = {
    "instruction": re.compile(any_of(INSTRUCTIONS), re.I),
    "input": re.compile(any_of(INPUTS, ("Context",)), re.I),
    "output": re.compile(any_of(OUTPUTS, LABELS, ("Answer|Response|Solution|Result",)), re.I),
}
