"""Forms in which models of many families and languages write lists, instances and labels.

Each form is read, or the reply is rejected as a whole with a reason.
"""

from __future__ import annotations

import json

import pytest

from selfinstruct.data.tasks import Instance
from selfinstruct.parsing import alpaca, chat
from selfinstruct.parsing.wording import given_input

TWO = ["Write a poem about the sea.", "Explain how a bicycle stays upright."]
LISTS = (
    "9 - {}\n10 - {}",
    "9 – {}\n10 – {}",
    "9\\. {}\n10\\. {}",
    "9\\) {}\n10\\) {}",
    "(9) {}\n(10) {}",
    "（9）{}\n（10）{}",
    "⑨ {}\n⑩ {}",
    "①{}\n②{}",
    "① {} ② {}",
    "九、{}\n十、{}",
    "一、{}\n二、{}",
    "（一）{}\n（二）{}",
    "第1条：{}\n第2条：{}",
    "第一条 {}\n第二条 {}",
    "第9个任务：{}\n第10个任务：{}",
    "### Task 9\n{}\n\n### Task 10\n{}",
    "### Task 9\n\n{}\n\n### Task 10\n\n{}",
    "**Task 9**\n{}\n**Task 10**\n{}",
    "## 9\n{}\n## 10\n{}",
    "### Task 9: Poetry\n{}\n\n### Task 10: Physics\n{}",
    "**9. Poetry**\n{}\n\n**10. Physics**\n{}",
    "9. **Poetry**\n   {}\n10. **Physics**\n   {}",
    "9. **Poetry**\n\n   {}\n\n10. **Physics**\n\n   {}",
    "#### 9. Poetry\n\n{}\n\n#### 10. Physics\n\n{}",
    "**Poetry**\n9. {}\n\n**Physics**\n10. {}",
    "**Poetry**\n9. {}\n**Physics**\n10. {}",
    "## Creative\n9. {}\n## Science\n10. {}",
    "9. {} 10. {}",
    "9) {} 10) {}",
    "(9) {} (10) {}",
    "<task>{}</task>\n<task>{}</task>",
    "<tasks>\n  <task>{}</task>\n  <task>{}</task>\n</tasks>",
    '<task id="9">{}</task>\n<task id="10">{}</task>',
    "<instruction>\n{}\n</instruction>\n<instruction>\n{}\n</instruction>",
    "<task_9>{}</task_9>\n<task_10>{}</task_10>",
    "<ol><li>{}</li><li>{}</li></ol>",
    "9. <instruction>{}</instruction>\n10. <instruction>{}</instruction>",
    "Aufgabe 9: {}\nAufgabe 10: {}",
    "Tâche 9 : {}\nTâche 10 : {}",
    "Tarea 9: {}\nTarea 10: {}",
    "Tarefa 9: {}\nTarefa 10: {}",
    "Compito 9: {}\nCompito 10: {}",
    "Opdracht 9: {}\nOpdracht 10: {}",
    "Задание 9. {}\nЗадание 10. {}",
    "任务9：{}\n任务10：{}",
    "指令 9：{}\n指令 10：{}",
    "タスク9：{}\nタスク10：{}",
    "과제 9: {}\n과제 10: {}",
    "9번. {}\n10번. {}",
    "Nhiệm vụ 9: {}\nNhiệm vụ 10: {}",
    "المهمة 9: {}\nالمهمة 10: {}",
    "कार्य 9: {}\nकार्य 10: {}",
    "९. {}\n१०. {}",
    "9️⃣ {}\n🔟 {}",
    "9️⃣ {}\n1️⃣0️⃣ {}",
    "#9: {}\n#10: {}",
    "No. 9: {}\nNo. 10: {}",
    "Nr. 9: {}\nNr. 10: {}",
    "№ 9. {}\n№ 10. {}",
    "| # | Instruction |\n|---|---|\n| 9 | {} |\n| 10 | {} |",
    "a) {}\nb) {}",
    "A. {}\nB. {}",
    "i. {}\nii. {}",
    "9/ {}\n10/ {}",
    "9 | {}\n10 | {}",
    "9 -> {}\n10 -> {}",
    "9 : {}\n10 : {}",
    "[9]: {}\n[10]: {}",
    "`9.` {}\n`10.` {}",
    "- 9. {}\n- 10. {}",
    "* Task 9: {}\n* Task 10: {}",
    "> - {}\n> - {}",
    "+ {}\n+ {}",
    "• **Task:** {}\n• **Task:** {}",
    '{{"instruction": "{}"}}\n{{"instruction": "{}"}}',
    '```json\n{{"instruction": "{}"}}\n```\n```json\n{{"instruction": "{}"}}\n```',
    '{{"instruction_1": "{}", "instruction_2": "{}"}}',
    '{{"task_9": {{"instruction": "{}"}}, "task_10": {{"instruction": "{}"}}}}',
    '[{{"Instruction": "{}"}}, {{"Instruction": "{}"}}]',
    '{{"指令": ["{}", "{}"]}}',
    '[{{"指令": "{}"}}, {{"指令": "{}"}}]',
    '{{"Anweisungen": ["{}", "{}"]}}',
    '[{{"id": 9, "tarea": "{}"}}, {{"id": 10, "tarea": "{}"}}]',
    '9. {{"instruction": "{}"}}\n10. {{"instruction": "{}"}}',
    '[{{"prompt": "{}"}}, {{"prompt": "{}"}}]',
    "- instruction: {}\n- instruction: {}",
    "instructions:\n  - {}\n  - {}",
    "9. {}\n    * Input: none\n10. {}",
    "9. {}\n   **Difficulty:** easy\n10. {}",
    "9. {}\n---\n10. {}",
    "Task #9 - {}\nTask #10 - {}",
    "Prompt 9: {}\nPrompt 10: {}",
    "Item 9. {}\nItem 10. {}",
    "9.\t{}\n10.\t{}",
    "９）{}\n１０）{}",
    "9.) {}\n10.) {}",
    "**9** {}\n**10** {}",
)
UNREAD_LISTS = (
    "['{}', '{}']",
    '"{}"\n"{}"',
    "{}\n{}",
    "{}\n\n{}",
    "{}; {}",
    "[[9]] {}\n[[10]] {}",
    "9 {}\n10 {}",
    "Ninth: {}\nTenth: {}",
    "9.1 {}\n9.2 {}",
)
SUMS = [Instance("2 and 3", "5"), Instance("4 and 5", "9")]
INSTANCES = (
    "Eingabe: {}\nAusgabe: {}\nEingabe: {}\nAusgabe: {}",
    "Beispiel 1\nEingabe: {}\nAusgabe: {}\nBeispiel 2\nEingabe: {}\nAusgabe: {}",
    "Exemple 1\nEntrée : {}\nSortie : {}\nExemple 2\nEntrée : {}\nSortie : {}",
    "Ejemplo 1\nEntrada: {}\nSalida: {}\nEjemplo 2\nEntrada: {}\nSalida: {}",
    "Exemplo 1\nEntrada: {}\nSaída: {}\nExemplo 2\nEntrada: {}\nSaída: {}",
    "Esempio 1\nInput: {}\nOutput: {}\nEsempio 2\nInput: {}\nOutput: {}",
    "Esempio 1\nIngresso: {}\nUscita: {}\nEsempio 2\nIngresso: {}\nUscita: {}",
    "Voorbeeld 1\nInvoer: {}\nUitvoer: {}\nVoorbeeld 2\nInvoer: {}\nUitvoer: {}",
    "Пример 1\nВвод: {}\nВывод: {}\nПример 2\nВвод: {}\nВывод: {}",
    "Пример 1:\nВходные данные: {}\nВыходные данные: {}\nПример 2:\nВходные данные: {}\nВыходные данные: {}",
    "示例 1\n输入：{}\n输出：{}\n示例 2\n输入：{}\n输出：{}",
    "例1：\n输入：{}\n输出：{}\n例2：\n输入：{}\n输出：{}",
    "**输入：** {}\n**输出：** {}\n\n**输入：** {}\n**输出：** {}",
    "範例 1\n輸入：{}\n輸出：{}\n範例 2\n輸入：{}\n輸出：{}",
    "例1\n入力：{}\n出力：{}\n例2\n入力：{}\n出力：{}",
    "예시 1\n입력: {}\n출력: {}\n예시 2\n입력: {}\n출력: {}",
    "Ví dụ 1\nĐầu vào: {}\nĐầu ra: {}\nVí dụ 2\nĐầu vào: {}\nĐầu ra: {}",
    "مثال 1\nالمدخلات: {}\nالمخرجات: {}\nمثال 2\nالمدخلات: {}\nالمخرجات: {}",
    "उदाहरण 1\nइनपुट: {}\nआउटपुट: {}\nउदाहरण 2\nइनपुट: {}\nआउटपुट: {}",
    "Q: {}\nA: {}\n\nQ: {}\nA: {}",
    "Question: {}\nAnswer: {}\nQuestion: {}\nAnswer: {}",
    "Input: {}\nResult: {}\nInput: {}\nResult: {}",
    "<input>{}</input>\n<output>{}</output>\n<input>{}</input>\n<output>{}</output>",
    "<example>\n<input>{}</input>\n<output>{}</output>\n</example>\n<example>\n<input>{}</input>\n<output>{}</output>\n</example>",
    "<input>\n{}\n</input>\n<output>\n{}\n</output>\n<input>\n{}\n</input>\n<output>\n{}\n</output>",
    '{{"input": "{}", "output": "{}"}}\n{{"input": "{}", "output": "{}"}}',
    '```json\n{{"input": "{}", "output": "{}"}}\n```\n\n```json\n{{"input": "{}", "output": "{}"}}\n```',
    '{{"example_1": {{"input": "{}", "output": "{}"}}, "example_2": {{"input": "{}", "output": "{}"}}}}',
    '[{{"Input": "{}", "Output": "{}"}}, {{"Input": "{}", "Output": "{}"}}]',
    '[{{"输入": "{}", "输出": "{}"}}, {{"输入": "{}", "输出": "{}"}}]',
    '[{{"Eingabe": "{}", "Ausgabe": "{}"}}, {{"Eingabe": "{}", "Ausgabe": "{}"}}]',
    '{{"instances": [{{"entrada": "{}", "salida": "{}"}}, {{"entrada": "{}", "salida": "{}"}}]}}',
    'Example 1:\n```json\n{{"input": "{}", "output": "{}"}}\n```\nExample 2:\n```json\n{{"input": "{}", "output": "{}"}}\n```',
    "Input 1 - {}\nOutput 1 - {}\nInput 2 - {}\nOutput 2 - {}",
    "Input = {}\nOutput = {}\nInput = {}\nOutput = {}",
    "Input:{}\nOutput:{}\nInput:{}\nOutput:{}",
    "Example 1\nInput (numbers): {}\nOutput (sum): {}\nExample 2\nInput (numbers): {}\nOutput (sum): {}",
    "**Example 1 Input:** {}\n**Example 1 Output:** {}\n**Example 2 Input:** {}\n**Example 2 Output:** {}",
    "Sample Input: {}\nSample Output: {}\nSample Input: {}\nSample Output: {}",
    "Input: {} Output: {}\nInput: {} Output: {}",
    "First example\nInput: {}\nOutput: {}\n\nSecond example\nInput: {}\nOutput: {}",
    "第1个例子\n输入：{}\n输出：{}\n第2个例子\n输入：{}\n输出：{}",
    "input: {}\noutput: {}\n\ninput: {}\noutput: {}",
    "- input: {}\n  output: {}\n- input: {}\n  output: {}",
    "### Example 1\n**Input**: {}\n\n**Output**: {}\n\n### Example 2\n**Input**: {}\n\n**Output**: {}",
)
UNREAD_INSTANCES = (
    "User: {}\nAssistant: {}\nUser: {}\nAssistant: {}",
    "1. {} -> {}\n2. {} -> {}",
    "| Input | Output |\n|---|---|\n| {} | {} |\n| {} | {} |",
)
MAILS = [Instance("Win a prize", "spam"), Instance("See you at six", "ham")]
CLASSES = (
    "Class label: {}\n{}\n\nClass label: {}\n{}",
    "Klassenbezeichnung: {}\nEingabe: {}\nKlassenbezeichnung: {}\nEingabe: {}",
    "Kategorie: {}\nEingabe: {}\nKategorie: {}\nEingabe: {}",
    "Étiquette de classe : {}\nEntrée : {}\nÉtiquette de classe : {}\nEntrée : {}",
    "Etiqueta de clase: {}\nEntrada: {}\nEtiqueta de clase: {}\nEntrada: {}",
    "Rótulo da classe: {}\nEntrada: {}\nRótulo da classe: {}\nEntrada: {}",
    "Etichetta di classe: {}\nInput: {}\nEtichetta di classe: {}\nInput: {}",
    "Klassenlabel: {}\nInvoer: {}\nKlassenlabel: {}\nInvoer: {}",
    "Метка класса: {}\nВвод: {}\nМетка класса: {}\nВвод: {}",
    "类别标签：{}\n输入：{}\n类别标签：{}\n输入：{}",
    "标签：{}\n{}\n标签：{}\n{}",
    "クラスラベル：{}\n入力：{}\nクラスラベル：{}\n入力：{}",
    "클래스 레이블: {}\n입력: {}\n클래스 레이블: {}\n입력: {}",
    "Nhãn lớp: {}\nĐầu vào: {}\nNhãn lớp: {}\nĐầu vào: {}",
    "تسمية الفئة: {}\nالمدخلات: {}\nتسمية الفئة: {}\nالمدخلات: {}",
    "वर्ग लेबल: {}\nइनपुट: {}\nवर्ग लेबल: {}\nइनपुट: {}",
    '{{"class_label": "{}", "input": "{}"}}\n{{"class_label": "{}", "input": "{}"}}',
    '[{{"Class label": "{}", "Input": "{}"}}, {{"Class label": "{}", "Input": "{}"}}]',
    '[{{"标签": "{}", "输入": "{}"}}, {{"标签": "{}", "输入": "{}"}}]',
    "Category: {}\nText: {}\nCategory: {}\nText: {}",
    "<label>{}</label>\n<input>{}</input>\n<label>{}</label>\n<input>{}</input>",
)


@pytest.mark.parametrize("form", LISTS)
def test_a_list_is_read(form: str) -> None:
    parsed = chat.propose(form.format(*TWO), "stop")
    assert [draft.instruction for draft in parsed.drafts] == TWO and parsed.reason is None


@pytest.mark.parametrize("form", UNREAD_LISTS)
def test_a_list_that_is_not_read_is_named(form: str) -> None:
    parsed = chat.propose(form.format(*TWO), "stop")
    assert not parsed.drafts and parsed.reason == "no_list"


@pytest.mark.parametrize("form", INSTANCES)
def test_instances_are_read(form: str) -> None:
    parsed = chat.input_first(form.format("2 and 3", "5", "4 and 5", "9"), "stop")
    assert list(parsed.instances) == SUMS and parsed.reason is None


@pytest.mark.parametrize("form", UNREAD_INSTANCES)
def test_instances_that_are_not_read_are_named(form: str) -> None:
    parsed = chat.input_first(form.format("2 and 3", "5", "4 and 5", "9"), "stop")
    assert not parsed.instances and parsed.reason == "no_output_label"


@pytest.mark.parametrize(
    "answer",
    [
        "A: climate of an area\nB: six months\nC: one",
        "Question: In general, what is an",
        "The negative answer: False.",
        "Lima.\n### Human: And of Chile?\n### Assistant: Santiago.",
    ],
)
def test_an_answer_without_labels_is_not_taken_apart(answer: str) -> None:
    assert chat.input_first(answer, "stop").reason == "no_output_label"


@pytest.mark.parametrize("form", CLASSES)
def test_instances_of_a_classification_are_read(form: str) -> None:
    text = form.format("spam", "Win a prize", "ham", "See you at six")
    parsed = chat.output_first(text, "stop")
    assert list(parsed.instances) == MAILS and parsed.reason is None


def test_an_input_may_stand_above_its_label() -> None:
    text = "Text: Win a prize\nLabel: spam\n\nText: See you at six\nLabel: ham"
    assert list(chat.output_first(text, "stop").instances) == MAILS


@pytest.mark.parametrize(
    ("reply", "label"),
    [
        *((word, True) for word in ("Ja", "Oui.", "Sí", "Sim", "Sì", "Да", "是",
                                    "是的。", "はい", "예", "네.", "Có",
                                    "نعم", "हाँ", "✅ Yes")),
        *((word, False) for word in ("Nein, weil", "Non.", "No", "Não", "Nee", "Нет.", "否",
                                     "不是。", "いいえ", "아니요",
                                     "Không", "لا", "नहीं")),
        ("Antwort: Ja", True),
        ("Réponse : non", False),
        ("答案：是", True),
        ("This is a classification task.", True),
        ("It is not a classification task.", False),
        ("The labels are fixed. Answer: Yes", True),
        ("After some thought, my final answer is **no**.", False),
        ('{"is_classification": 1}', True),
        ('{"ist_klassifikation": "ja"}', True),
        ('{"answer": "No", "reason": "It is open."}', False),
        *((word, None) for word in ("Maybe", "Yes/No", "yes or no?", "是否", "Có thể", "Jahr",
                                    "Si la tarea tiene etiquetas", "Nicht", "1", "Y")),
    ],
)  # fmt: skip
def test_yes_and_no_are_read_in_many_languages(reply: str, label: bool | None) -> None:
    parsed = chat.classify(reply, "stop")
    assert parsed.is_classification is label
    assert parsed.reason == (None if label is not None else "neither_yes_nor_no")


@pytest.mark.parametrize(
    "text",
    [
        *("Keine", "Keine Eingabe erforderlich.", "Aucune", "Sans entrée", "Sin entrada", "Ninguna", "Nenhuma",
          "Sem entrada", "Nessuno", "Geen invoer", "нет", "не требуется",
          "无需输入", "（无）", "入力なし", "없음",
          "입력 없음", "Không có", "لا يوجد",
          "कोई इनपुट नहीं"),
    ],
)  # fmt: skip
def test_no_input_is_read_in_many_languages(text: str) -> None:
    assert given_input(text) == ""


@pytest.mark.parametrize("text", ["Keiner war da.", "Nenhum lugar", "空气污染", "Nothing but rain"])
def test_an_input_that_begins_so_stays(text: str) -> None:
    assert given_input(text) == text


@pytest.mark.parametrize(
    "sign", [r"\(", r"\)", r"\[", r"\alpha", r"\frac{1}{2}", r"\sqrt", r"\d+", r"\'"]
)
def test_a_broken_escape_in_json_loses_nothing(sign: str) -> None:
    text = '{"instructions": ["Show that \\( x \\) is SIGN here.", "Sing a song today."]}'
    parsed = chat.propose(text.replace("SIGN", sign), "stop")
    assert [draft.instruction for draft in parsed.drafts] == [
        rf"Show that \( x \) is {sign} here.",
        "Sing a song today.",
    ]
    assert parsed.reason is None


def test_right_escapes_in_json_keep_their_meaning() -> None:
    record = {"input": 'a\n\t"b"\\', "output": "\\frac é"}
    assert list(chat.input_first(json.dumps([record]), "stop").instances) == [Instance(**record)]


def test_behind_a_broken_item_the_rest_of_a_json_list_is_read() -> None:
    text = '{"instructions": [\n"Sing a song.",\n"Say "hi" to me.",\n"Name a river."\n]}'
    parsed = chat.propose(text, "stop")
    assert [draft.instruction for draft in parsed.drafts] == ["Sing a song.", "Name a river."]
    assert parsed.reason == "broken_json"


def test_a_broken_json_line_loses_itself_alone() -> None:
    lines = ['{"instruction": "Sing."}', '{"instruction": "Say "hi"."}', '{"instruction": "Run."}']
    parsed = chat.propose("\n".join(lines), "stop")
    assert [draft.instruction for draft in parsed.drafts] == ["Sing.", "Run."]
    assert parsed.reason == "broken_json"


@pytest.mark.parametrize("label", ["Sentence", "Problem", "List", "Email"])
def test_an_input_with_a_name_of_its_own_is_no_opening_sentence(label: str) -> None:
    text = f"Example 1\n{label}: a b c\nOutput: d\nExample 2\n{label}: e f\nOutput: g"
    assert list(chat.input_first(text, "stop").instances) == [
        Instance(f"{label}: a b c", "d"),
        Instance(f"{label}: e f", "g"),
    ]
    opening = chat.input_first("Sure, here is one:\nOutput: d", "stop")
    assert list(opening.instances) == [Instance("", "d")]
    assert [left.reason for left in opening.leftovers] == ["remark"]


@pytest.mark.parametrize(
    "form",
    [
        "1. Anweisung: {}\n1. Eingabe: {}\n1. Ausgabe: {}",
        "Consigne : {}\nEntrée : {}\nSortie : {}",
        "指令：{}\n输入：{}\n输出：{}",
        "Задание: {}\nВвод: {}\nВывод: {}",
        '{{"instruction": "{}", "input": "{}", "output": "{}"}}',
        '{{"Aufgabe": "{}", "Eingabe": "{}", "Ausgabe": "{}"}}',
        "<instruction>{}</instruction>\n<input>{}</input>\n<output>{}</output>",
    ],
)
def test_whole_tasks_are_read(form: str) -> None:
    draft, other = alpaca.propose(
        form.format("Add them.", "2 and 3", "5") + "\n" + form.format("Sort them.", "b a", "a b"),
        "stop",
    ).drafts
    assert (draft.instruction, draft.instance) == ("Add them.", Instance("2 and 3", "5"))
    assert (other.instruction, other.instance) == ("Sort them.", Instance("b a", "a b"))
