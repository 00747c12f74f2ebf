import { Worker, isMainThread, parentPort, workerData, MessageChannel } from 'node:worker_threads';
import { execFileSync, spawn, fork } from 'node:child_process';
import { createHash } from 'node:crypto'; import fs from 'node:fs'; import net from 'node:net'; import zlib from 'node:zlib'; import os from 'node:os';
import { fileURLToPath } from 'node:url';
const here = fileURLToPath(import.meta.url);
if (!isMainThread) {
  const view = new Int32Array(workerData.shared);
  for (let n = 0; n < 1000; n++) Atomics.add(view, 0, 1);
  Atomics.add(view, 1, 1); Atomics.notify(view, 1);
  let x = 0; for (let n = 0; n < 3e5; n++) x = (x * 31 + n * workerData.n) % 1000003;
  parentPort.postMessage({ n: workerData.n, x });
} else {
  const shared = new SharedArrayBuffer(16);
  const results = await Promise.all([1, 2, 3, 4, 5].map(n => new Promise((ok, bad) => { const w = new Worker(here, { workerData: { shared, n } }); w.on('message', ok); w.on('error', bad); })));
  console.log(results, new Int32Array(shared));
  console.log(execFileSync('echo', ['from a child']).toString());
  const child = spawn('cat'); child.stdin.end('through cat'); for await (const data of child.stdout) console.log(data.toString());
  const server = net.createServer(c => c.pipe(c)); await new Promise(r => server.listen('./sock', r));
  const c = net.connect('./sock'); c.end('echoed'); for await (const d of c) console.log(d.toString()); server.close();
  const tcp = net.createServer(c => c.end('tcp')); await new Promise(r => tcp.listen(0, '127.0.0.1', r));
  for await (const d of net.connect(tcp.address().port, '127.0.0.1')) console.log(d.toString()); tcp.close();
  fs.writeFileSync('f', 'x'.repeat(100000)); const z = await new Promise(r => zlib.gzip(fs.readFileSync('f'), (e, d) => r(d))); console.log(zlib.gunzipSync(z).length, createHash('sha1').update(z.subarray(10)).digest('hex'));
  console.log((await fs.promises.readdir('.')).sort(), os.platform());
  await new Promise(r => { const w = fs.watch('.', (t, n) => { if (n === 'g') { w.close(); console.log('seen', n); r(); } }); fs.writeFileSync('g', ''); });
  setTimeout(() => console.log('later'), 20);
}
