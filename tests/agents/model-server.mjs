// SPDX-License-Identifier: Apache-2.0
//
// A model that follows a script: the Anthropic Messages API as far as Claude
// Code needs it for four turns (Bash, Read, Write, text).  Prints its port, then
// a JSON line for each request.  The turn is counted from the conversation
// itself, so a repeated request gets the same answer again.
//
// MODEL_COMMAND: what Bash is to run.
// MODEL_SCRIPT: a JSON list of [tool, input] in place of the four turns.
// MODEL_DUMP: a file to which every byte that was received is appended.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const MARK = 'toolu_bawn';

const OWN = process.env.MODEL_SCRIPT && JSON.parse(process.env.MODEL_SCRIPT);

function script(dir) {
	return OWN || [
		['Bash', { command: process.env.MODEL_COMMAND ??
			'echo from-$((40+2)) > seen.txt; cat seen.txt',
			description: 'Look' }],
		['Read', { file_path: `${dir}/hello.txt` }],
		['Write', { file_path: `${dir}/out.txt`, content: 'written in the yard\n' }],
	];
}

const FINAL = 'THE-FOUR-TURNS-ARE-DONE';

function turnOf(request) {
	return (request.messages ?? []).filter((m) => m.role === 'assistant' &&
		Array.isArray(m.content) && m.content.some((b) =>
			b.type === 'tool_use' && `${b.id}`.startsWith(MARK))).length;
}

function directoryOf(request) {
	const text = JSON.stringify([request.system, request.messages]);
	return /working directory[^:]*: *([^\\"<\s]+)/i.exec(text)?.[1] ?? '.';
}

// What was said so far, by the user and the model, in one text.
function textOf(request) {
	return (request.messages ?? []).flatMap((m) => Array.isArray(m.content)
		? m.content.map((b) => b.text ?? '') : [m.content]).join('\n');
}

// One content block: the tool call of this turn, or text when there is none.
function blockFor(request) {
	const isSide = (request.tools ?? []).length === 0;
	const turn = turnOf(request);
	const step = script(directoryOf(request))[turn];

	if (isSide)
		return { type: 'text', text: 'a title' };
	if (!step)
		return { type: 'text', text: FINAL };
	return { type: 'tool_use', id: `${MARK}_${turn}`, name: step[0], input: step[1] };
}

function message(request, block) {
	return {
		id: `msg_${Date.now()}`, type: 'message', role: 'assistant', model: request.model,
		content: block ? [block] : [],
		stop_reason: block ? (block.type === 'tool_use' ? 'tool_use' : 'end_turn') : null,
		stop_sequence: null, usage: { input_tokens: 100, output_tokens: 10 },
	};
}

function stream(response, request, block) {
	const isTool = block.type === 'tool_use';
	const send = (type, data) => response.write(
		`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);

	response.writeHead(200, { 'content-type': 'text/event-stream' });
	send('message_start', { message: message(request, null) });
	send('content_block_start', { index: 0, content_block: isTool
		? { ...block, input: {} } : { type: 'text', text: '' } });
	send('content_block_delta', { index: 0, delta: isTool
		? { type: 'input_json_delta', partial_json: JSON.stringify(block.input) }
		: { type: 'text_delta', text: block.text } });
	send('content_block_stop', { index: 0 });
	send('message_delta', { delta: { stop_reason: isTool ? 'tool_use' : 'end_turn',
		stop_sequence: null }, usage: { output_tokens: 10 } });
	send('message_stop', {});
	response.end();
}

async function answer(request, response) {
	const parts = [];

	for await (const part of request)
		parts.push(part);
	const path = request.url.split('?')[0];
	let body = null;
	try {
		body = JSON.parse(Buffer.concat(parts).toString());
	} catch { /* no JSON: no model request */ }

	const isModel = request.method === 'POST' && path.endsWith('/v1/messages') && body;
	console.log(JSON.stringify({ method: request.method, path, host: request.headers.host,
		auth: request.headers.authorization ?? request.headers['x-api-key'] ?? '',
		turn: isModel ? turnOf(body) : -1, text: isModel ? textOf(body) : '' }));
	if (!isModel) {
		response.writeHead(path.endsWith('count_tokens') ? 200 : 404,
			{ 'content-type': 'application/json' });
		response.end('{"input_tokens":1}');
	} else if (body.stream) {
		stream(response, body, blockFor(body));
	} else {
		response.writeHead(200, { 'content-type': 'application/json' });
		response.end(JSON.stringify(message(body, blockFor(body))));
	}
}

const server = createServer((q, s) => answer(q, s).catch(() => s.destroy()));
server.on('connection', (s) => s.prependListener('data', (bytes) => {
	if (process.env.MODEL_DUMP)
		appendFileSync(process.env.MODEL_DUMP, bytes);
}));
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
