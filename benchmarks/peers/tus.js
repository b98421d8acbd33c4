// The reference tus server over a folder, as its documentation starts it: hashes nothing, syncs nothing.
import { createServer } from "node:http";
import { FileStore } from "@tus/file-store";
import { Server } from "@tus/server";

const tus = new Server({ path: "/files", datastore: new FileStore({ directory: process.argv[2] }) });
const http = createServer(tus.handle.bind(tus));
http.listen(0, "127.0.0.1", () => console.log(http.address().port));
