"""Conversations as transformers' chat templates write them, for the host's own rendering of such templates.

The templates have the shape of those that Mistral, Llama 3 and Qwen2 come with, and one uses what Jinja in Python has beyond its language:
methods of strings and dictionaries, loop controls, and the tag that marks an answer.
"""

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast

from chat_templates import TEMPLATES as MORE
from recording import FIXTURES, write_json

MISTRAL = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
    "{% else %}{{ raise_exception('only users and assistants') }}{% endif %}{% endfor %}"
)

MISTRAL_SYSTEM = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{%- set user_messages = rest | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace(turn=0) %}
{%- for message in rest if not message.tool_calls is defined %}
    {%- if (message["role"] == "user") != (ns.turn % 2 == 0) %}
        {{- raise_exception("roles must alternate") }}
    {%- endif %}
    {%- set ns.turn = ns.turn + 1 %}
{%- endfor %}
{{- bos_token }}
{%- for message in rest %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) and tools %}
            {{- "[AVAILABLE_TOOLS]" + (tools | tojson) }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"] | trim + eos_token }}
    {%- endif %}
{%- endfor %}
"""

LLAMA_3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)

QWEN2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

PYTHON = """{%- for message in messages %}
    {%- if message.role == "tool" %}
        {%- continue %}
    {%- endif %}
    {%- if loop.index0 > 8 %}
        {%- break %}
    {%- endif %}
    {%- for key, value in message.items() %}
        {{- "<" + key.upper() + ">" + value.strip().replace("\\n", " ").split(" ")[0].title() }}
    {%- endfor %}
    {{- message.get("name", "nobody") + "|" + message["content"][:9].lstrip() }}
    {%- if message["role"].startswith("us") and "system" not in message.values() | list %}
        {% generation %}
        {{- message["content"] | trim }}
        {%- endgeneration %}
    {%- endif %}
{%- endfor %}
{% if add_generation_prompt %}
    {{- "\\n<answer>" -}}
{% endif %}
"""

TEMPLATES = {"mistral": MISTRAL, "mistral-system": MISTRAL_SYSTEM, "llama-3": LLAMA_3, "qwen2": QWEN2, "python": PYTHON, **MORE}
USER = "  Where does Aspen grow peas?\nAnswer briefly. "


def render(tokenizer, template, system, user):
    """The conversation; a template that takes no system message gets both in one message of the user, as in our own rendering."""
    user_only = [{"role": "user", "content": user}]
    options = {"chat_template": template, "tokenize": False, "add_generation_prompt": True}
    if not system:
        return tokenizer.apply_chat_template(user_only, **options)
    try:
        return tokenizer.apply_chat_template([{"role": "system", "content": system}, *user_only], **options)
    except Exception:
        return tokenizer.apply_chat_template([{"role": "user", "content": f"{system}\n\n{user}"}], **options)


TOKENS = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "sep_token": "<sep>",
    "cls_token": "<cls>",
    "mask_token": "<mask>",
}


def make():
    """Writes `chats.json`."""
    model = Tokenizer(WordLevel({"<s>": 0, "</s>": 1, "<unk>": 2}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, **TOKENS)
    cases = [
        {
            "name": name,
            "template": template,
            "tokens": TOKENS,
            "system": system,
            "user": USER,
            "rendered": render(tokenizer, template, system, USER),
        }
        for name, template in TEMPLATES.items()
        for system in ["", "Be brief."]
    ]
    write_json(FIXTURES / "chats.json", cases)
