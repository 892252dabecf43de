"""Chat templates of the kinds that public models come with, written for these tests: whole prompts of many families, and the parts of Python's
world that templates use (methods of strings, `%`, slices, `tojson`, None and undefined, namespaces, macros)."""

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

TURNS = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}
{%- for message in messages -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {{ '<turn>' + role + '\n' + message['content'] | trim + '</turn>\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<turn>model\n' }}{%- endif -%}
"""

TOOLS = """{%- if tools %}
    {{- '<|im_start|>system\\n# Tools\\n' }}
    {%- for tool in tools %}{{- tool | tojson }}{%- endfor %}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(multi_step=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step and message.role == "user" and message.content is string and not(message.content.startswith('<tool>') and message.content.endswith('</tool>')) %}
        {%- set ns.multi_step = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}
        {{- '<|im_start|>assistant\\n' + content }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
"""

DATED = """{{- bos_token }}
{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- if not tools_in_user_message is defined %}{%- set tools_in_user_message = true %}{%- endif %}
{%- if not tools is defined %}{%- set tools = none %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start|>system<|end|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: tools\\n" }}{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" + system_message + eos_token }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start|>' + message['role'] + '<|end|>\\n\\n'+ message['content'] | trim + eos_token }}
    {%- elif 'tool_calls' in message %}{{- raise_exception("no tools") }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start|>assistant<|end|>\\n\\n' }}{%- endif %}
"""

MACROS = """{%- macro turn(role, content, end=eos_token) -%}
<|{{ role | upper }}|>{{ content }}{{ end }}
{%- endmacro -%}
{%- macro wrap(tag) -%}<{{ tag }}>{{ caller() }}</{{ tag }}>{%- endmacro -%}
{%- for message in messages -%}
{{ turn(message.role, message.content) }}{{ turn('x', loop.index ~ '/' ~ loop.length, end='') }}
{%- endfor -%}
{%- call wrap('tail') -%}{{ messages | map(attribute='role') | join(', ') }}{%- endcall -%}
"""

SELECT = (
    "{% set system = messages | selectattr('role', 'equalto', 'system') | map(attribute='content') | list %}"
    "{% set others = messages | rejectattr('role', 'equalto', 'system') | list %}"
    "{{ system | first | default('none given') }}|{{ system | length }}|{{ others | length }}|"
    "{{ others[-1].content | trim | length }}|{{ (messages | last).role }}|{{ messages | map(attribute='role') | list }}"
)

def bits(name, text):
    """A template of one expression, after the conversation."""
    return (name, "{% for m in messages %}{{ m.content }}{% endfor %}|" + text)


PARTS = [
    bits("not-none", "{% if tools is not none %}tools{% endif %}{% if documents is none %}no documents{% endif %}"),
    bits("iterable", "{% if tools is iterable and tools | length > 0 %}tools{% endif %}{{ tools is defined }}"),
    bits("truth", "{{ tools }} {{ true }} {{ [none, true, 1.5, 'a\"b', \"it's\"] }} {{ {'k': none} }}"),
    bits("pad", "{% if pad_token is defined %}{{ pad_token }}{% endif %}{{ unk_token }}{{ sep_token }}{{ cls_token }}{{ mask_token }}"),
    bits("undefined", "{{ missing }}[{{ missing is defined }}]{{ missing | default('d') }}{{ '' | default('e', true) }}{{ messages[9] is defined }}"),
    bits("tojson", "{{ messages | tojson }}{{ {'b': '<é>&\\'', 'a': [1, 2.5, none, true]} | tojson }}"),
    bits("tojson-indent", "{{ {'b': [1, {'c': []}], 'a': {}} | tojson(indent=2) }}{{ [1, 'é'] | tojson(ensure_ascii=True) }}"),
    bits("tojson-separators", "{{ {'b': [1, 2], 'a': '\\n'} | tojson(separators=(',', ':'), sort_keys=True) }}"),
    bits("percent", "{{ '%s has %d, %.2f%% and %r' % ('x', 3, 0.5, 'q') }}{{ '%(a)s' % {'a': 'b'} }}{{ '%05d|%-4s|' % (42, 'ab') }}"),
    bits("percent-one", "{{ 'role: %s' % messages[0].role }}{{ 7 % 3 }}{{ -7 % 3 }}{{ 2 * 7 % 4 }}{{ loop is defined }}"),
    bits("format", "{{ '{} {1}'.format('a') if false else '{} {}'.format('a', 1) }}{{ '{0:>4}|{n:03d}'.format('b', n=7) }}"),
    bits("affixes", "{{ 'tool_x'.removeprefix('tool_') }}{{ 'x.txt'.removesuffix('.txt') }}{{ 'a'.removeprefix('b') }}"),
    bits("partition", "{{ 'a=b=c'.partition('=') | join('|') }}{{ 'a=b=c'.rpartition('=') | join('|') }}{{ 'abc'.partition('=')[0] }}"),
    bits("find", "{{ 'äbcb'.find('b') }}{{ 'äbcb'.rfind('b') }}{{ 'äbcb'.index('c') }}{{ 'abc'.find('z') }}{{ 'abcabc'.find('c', 3) }}{{ 'aXbX'.count('X') }}"),
    bits("splits", "{{ 'a b  c'.split() }}{{ 'a,b,c'.split(',', 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'a\\nb\\r\\nc\\n'.splitlines() }}{{ 'a b c'.split(maxsplit=1) }}"),
    bits("pads", "{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}{{ 'a'.ljust(3, '.') }}{{ 'a'.rjust(3) }}{{ 'ab'.center(5, '*') }}"),
    bits("case", "{{ 'hello wORLD'.title() }}{{ 'hELLO'.capitalize() }}{{ 'aB'.swapcase() }}{{ 'x y'.upper() }}{{ 'a1 b'.title() }}{{ 'Ab' | lower }}{{ 'it\\'s' | capitalize }}"),
    bits("asks", "{{ '12'.isdigit() }}{{ ''.isdigit() }}{{ 'aB'.islower() }}{{ 'a1'.islower() }}{{ 'A!'.isupper() }}{{ 'a1'.isalnum() }}{{ ' '.isspace() }}{{ 'é'.isalpha() }}"),
    bits("strips", "{{ ' a '.strip() }}{{ 'xxaxx'.strip('x') }}{{ 'xxa'.lstrip('x') }}{{ 'axx'.rstrip('x') }}{{ '\\n a\\n' | trim }}{{ 'abca'.replace('a', 'z', 1) }}"),
    bits("slices", "{{ 'abcdef'[1:4] }}{{ 'abcdef'[::-1] }}{{ 'abcdef'[-2:] }}{{ [1, 2, 3, 4][::2] }}{{ [1, 2, 3][-1] }}"),
    bits("dicts", "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}{{ {'a': 1}.get('z', 5) }}{{ {'a': 1}.get('z') }}{{ {'a': 1, 'b': 2}.keys() | list }}{% for k, v in {'b': 1, 'a': 2} | dictsort %}{{ k }}{{ v }}{% endfor %}"),
    bits("filters", "{{ [3, 1, 2] | sort }}{{ [1, 2, 3] | sum }}{{ ['a', 'b'] | join('-') }}{{ 'a\\nb' | indent(2) }}{{ [1, 2, 3] | batch(2) | list }}{{ 3.7 | int }}{{ '4' | int }}{{ [1, 1, 2] | unique | list }}{{ 2.5 | round }}"),
    bits("tests", "{{ 3 is odd }}{{ 'a' is string }}{{ 1 is number }}{{ {} is mapping }}{{ [] is sequence }}{{ none is none }}{{ 4 is divisibleby 2 }}{{ 'a' in ['a'] }}{{ 'a' is in ['b'] }}{{ true is true }}"),
    bits("namespace", "{% set ns = namespace(n=0, seen='') %}{% for c in 'abc' %}{% set ns.n = ns.n + 1 %}{% set ns.seen = ns.seen ~ c %}{% endfor %}{{ ns.n }}{{ ns.seen }}"),
    bits("loops", "{% for i in range(5) %}{% if i == 3 %}{% break %}{% endif %}{% if i is odd %}{% continue %}{% endif %}{{ i }}{{ ', ' if not loop.last }}{% else %}none{% endfor %}{% for x in [] %}{% else %}empty{% endfor %}"),
    bits("join-text", "{{ 'a' ~ 1 ~ 2.0 }}{{ 'ab' * 3 }}{{ [1] + [2] }}{{ 7 // 2 }}{{ 7 / 2 }}{{ 2 ** 3 }}{{ 1 == 1.0 }}{{ 'a' < 'b' }}{{ not '' }}{{ 'x' and 'y' }}{{ '' or 'z' }}"),
    bits("blocks", "{% set block %}<{{ messages[0].role }}>{% endset %}{{ block | upper }}{% filter upper %}quiet{% endfilter %}{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}{% raw %}{{ raw }}{% endraw %}{# comment #}"),
]

TEMPLATES = {
    "chatml": CHATML,
    "turns": TURNS,
    "tools": TOOLS,
    "dated": DATED,
    "macros": MACROS,
    "select": SELECT,
    **dict(PARTS),
}
