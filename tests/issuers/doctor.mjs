// Owns `attache check --consent` with somebody who does what it asks: opens each address in a browser, consents, and
// pastes where they arrived. Judges nothing of what it finds.
import { app } from '../journeys/world.mjs';

const question = /Paste that page's whole address here:\s*$/;
// In these words it asks for a browser in which nobody is signed in at the issuer.
const fresh = /\b(another browser|private window)\b/i;

/** Everything that it printed. */
export async function consult(world, longestLeeway) {
  const usual = await world.visitor();
  // Most people are signed in at the broker: at Keycloak that session is what two consents of one browser share.
  await usual.signIn();
  const doctor = world.broker.converse('check', '--issuer', world.issuer.name, '--app', app, '--consent', '--longest-leeway', `${longestLeeway}`);
  const answer = async (asked) => {
    const visitor = fresh.test(asked) ? await world.visitor() : usual;
    const [url] = asked.match(/^https?:\S+$/gm).slice(-1);
    await visitor.page.goto(url);
    await visitor.walk();
    doctor.child.stdin.write(`${visitor.page.url()}\n`);
  };
  let read = 0;
  let failure;
  doctor.child.stdout.on('data', () => {
    const asked = doctor.output.slice(read);
    if (!question.test(asked)) return;
    read = doctor.output.length;
    answer(asked).catch((error) => {
      failure = error;
      doctor.stop();
    });
  });
  await doctor.ended;
  if (failure) throw failure;
  return doctor.output;
}
