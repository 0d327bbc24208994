// Shared by the tests of Node's clients: cases with a time limit, servers that a test starts itself.
//
// A case prints "ok - NAME" or "not ok - NAME"; run.sh counts them.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";

const cases = [];
const CASE_MS = 60_000;

// Added to a client's connection string: a sanitized server on a busy machine may take longer than the
// ten seconds in which the clients want their pings answered and their appends done.
export const PATIENT = "&keepAliveInterval=60000&keepAliveTimeout=60000&defaultDeadline=30000";

export const test = (name, run, limit = CASE_MS) => cases.push({ name, run, limit });
export const unique = (prefix = "node") => `${prefix}-${randomUUID().replaceAll("-", "")}`;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export const within = (ms, what, promise) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

// Runs the cases whose names contain one of the words of the command line, and ends the process.
export const run = async (finish = async () => {}) => {
  const words = process.argv.slice(2);
  let failed = 0;
  const unhandled = (error) => {
    failed++;
    console.log("not ok - nothing is thrown outside of a call");
    console.log(String(error?.stack ?? error).replace(/^/gm, "# "));
  };
  process.on("unhandledRejection", unhandled);
  process.on("uncaughtException", unhandled);
  for (const { name, run: body, limit } of cases) {
    if (words.length > 0 && !words.some((word) => name.includes(word))) continue;
    const began = Date.now();
    try {
      await within(limit, "the case", body());
      const seconds = (Date.now() - began) / 1000;
      console.log(`ok - ${name}${seconds > 2 ? `\n# took ${seconds.toFixed(1)} s` : ""}`);
    } catch (error) {
      failed++;
      console.log(`not ok - ${name}`);
      console.log(String(error?.stack ?? error).slice(0, 2000).replace(/^/gm, "# "));
    }
  }
  await within(5000, "the end", finish()).catch(unhandled);
  process.exit(failed > 0 ? 1 : 0);
};

// Waits until |holds| returns something true.
export const until = async (holds, what, ms = 20_000) => {
  const end = Date.now() + ms;
  for (;;) {
    const found = await holds();
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await sleep(20);
  }
};

// Starts the server; |port| 0: a free one. Resolves to {port, address, child} when it listens.
export const serve = (store, port = 0) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.env.FACTUM,
      ["--store", store, "serve", "--insecure", "--listen", `127.0.0.1:${port}`],
      { stdio: ["ignore", "ignore", "pipe"] });
    let said = "";
    child.on("error", reject);
    child.on("exit", (code, signal) => reject(new Error(`the server ended: ${code ?? signal}: ${said}`)));
    child.stderr.on("data", (bytes) => {
      said += bytes;
      const at = said.match(/ on 127\.0\.0\.1:(\d+),/);
      if (at) {
        child.removeAllListeners("exit");
        resolve({ port: Number(at[1]), address: `127.0.0.1:${at[1]}`, child });
      }
    });
  });

export const stop = (child, signal = "SIGTERM") =>
  new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on("exit", resolve);
    child.kill(signal);
  });

// The resident memory of a process, in KiB.
export const residentKib = (pid) =>
  Number(readFileSync(`/proc/${pid}/status`, "latin1").match(/VmRSS:\s+(\d+)/)[1]);
