// Owns one issuer that is started to be tried by hand, until Ctrl-C: node serve.mjs NAME [PORT], or tests/issuers/run.
// Prints the configuration of an Attaché that is its client, and who can sign in there.
import { freePorts, toml } from '../journeys/attache.mjs';
import { issuers } from './issuers.mjs';
import { Recorder } from './recorder.mjs';
import { clients, config, scratch } from './world.mjs';

const broker = 'http://127.0.0.1:8080';
const content = 'http://127.0.0.1:8081/v2/demo/master';

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit());

const [name, at] = process.argv.slice(2);
const issuer = issuers.find((each) => each.name === name);
if (!issuer) throw new Error(`there are ${issuers.map((each) => each.name).join(', ')}`);
const version = await issuer.bring();
const port = Number(at ?? (await freePorts(3)));
const url = issuer.urlAt(port);
const registered = clients(broker);
await Recorder.start(port, port + 1);
await issuer.start({ url, port: port + 1, adminPort: port + 2, folder: await scratch(), clients: registered });

const { login, password } = issuer.manners;
console.log(`# ${issuer.title} ${version} at ${url}`);
console.log(`# The test account: ${login}, ${password ? `password ${password}` : 'without a password'}`);
console.log(toml({ public_url: broker, database: { url: 'sqlite://attache.db' }, vault: { master_key_file: 'master.key' }, ...config(issuer, url, registered, content) }));
