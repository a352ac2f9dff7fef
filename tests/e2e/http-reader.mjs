// SPDX-License-Identifier: Apache-2.0
//
// What Node's reader of HTTP/1 (llhttp, strict) makes of messages.  Standard
// input: JSON lines {"kind": "request" or "response", "bytes": base64}; standard
// output: a JSON line for each, null when it is refused or not whole.
import http from 'node:http';
import net from 'node:net';
import { createInterface } from 'node:readline';

const OPTIONS = { insecureHTTPParser: false, maxHeaderSize: 128 * 1024,
	requireHostHeader: true };

function said(m, body, upgrade, request) {
	return { ...(request ? { method: m.method, target: m.url }
		: { status: m.statusCode, reason: m.statusMessage }),
	fields: m.rawHeaders, body, upgrade };
}

const later = (fn) => setImmediate(() => setImmediate(() => setImmediate(fn)));

// The first request of a connection that sends @bytes and ends.
function request(bytes) {
	return new Promise((resolve) => {
		let done = false;
		const finish = (v) => {
			if (done)
				return;
			done = true;
			server.close();
			server.closeAllConnections();
			socket?.destroy();
			resolve(v);
		};
		const server = http.createServer(OPTIONS, (m, r) => {
			const parts = [];
			m.on('data', (p) => parts.push(p));
			m.on('end', () => finish(said(m, Buffer.concat(parts).toString('latin1'),
				false, true)));
			m.on('error', () => finish(null));
			m.on('aborted', () => finish(null));
			r.on('error', () => {});
		});
		const other = (m, s) => { s.destroy(); finish(said(m, '', true, true)); };
		let socket;
		server.on('checkContinue', (m, r) => server.emit('request', m, r));
		server.on('checkExpectation', () => finish(null));
		server.on('upgrade', other);
		server.on('connect', other);
		// All was read, and it was not whole.
		server.on('connection', (s) => s.on('end', () => later(() => finish(null))));
		server.on('clientError', (e, s) => { s.destroy(); finish(null); });
		server.listen(0, '127.0.0.1', () => {
			socket = net.connect(server.address().port, '127.0.0.1');
			socket.on('error', () => finish(null));
			socket.resume();
			socket.on('close', () => later(() => finish(null)));
			socket.end(bytes);
		});
	});
}

// The answer to a GET, when the server sends @bytes and ends.
function response(bytes) {
	return new Promise((resolve) => {
		const server = net.createServer((s) => {
			s.on('error', () => {});
			s.once('data', () => s.end(bytes));
		});
		const finish = (v) => { server.close(); q.destroy(); resolve(v); };
		let q;
		server.listen(0, '127.0.0.1', () => {
			q = http.request({ ...OPTIONS, host: '127.0.0.1',
				port: server.address().port, agent: false });
			q.on('response', (m) => {
				const parts = [];
				m.on('data', (p) => parts.push(p));
				m.on('end', () => finish(said(m,
					Buffer.concat(parts).toString('latin1'), false, false)));
				m.on('error', () => finish(null));
				m.on('aborted', () => finish(null));
			});
			q.on('upgrade', (m) => finish(said(m, '', true, false)));
			q.on('error', () => finish(null));
			q.on('close', () => later(() => finish(null)));
			q.end();
		});
	});
}

for await (const line of createInterface({ input: process.stdin })) {
	const { kind, bytes } = JSON.parse(line);
	const read = kind === 'request' ? request : response;
	console.log(JSON.stringify(await read(Buffer.from(bytes, 'base64'))));
}
