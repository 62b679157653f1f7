// What the test's pages share: they say how it goes, choose a camera by label, draw what a video shows.
const wanted = new URLSearchParams(location.search);
const video = document.querySelector("video");
const post = (path, body) => fetch(path, {method: "POST", body});
const play = main => main().catch(error => post("/error", `${error.name}: ${error.message}`));
const cameras = async () =>
  (await navigator.mediaDevices.enumerateDevices()).filter(device => device.kind === "videoinput");

async function camera(label) {
  // Labels are shown only after a permission; the default camera may be a busy one, which must not matter.
  try {
    (await navigator.mediaDevices.getUserMedia({video: true})).getTracks().forEach(track => track.stop());
  } catch (error) { await post("/log", `default camera: ${error.name}`); }
  const labels = (await cameras()).map(device => device.label);
  await post("/log", `cameras: ${labels.join(", ")}`);
  const chosen = (await cameras()).find(device => device.label.includes(label));
  if (!chosen) throw new Error(`no camera ${label} among ${labels.join(", ")}`);
  const stream = await navigator.mediaDevices.getUserMedia({video: {deviceId: {exact: chosen.deviceId}}});
  stream.getTracks().forEach(track => track.onended = () => post("/error", "the camera broke off"));
  return stream;
}

// Posts what the stream shows under a name, until it is told that it was enough.
async function show(stream, name) {
  video.srcObject = stream;
  await video.play();
  const canvas = document.createElement("canvas");
  for (let answer; answer?.status !== 205;) {
    await new Promise(done => video.requestVideoFrameCallback(done));
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    answer = await post(`/picture/${name}`, await new Promise(done => canvas.toBlob(done, "image/png")));
  }
}
