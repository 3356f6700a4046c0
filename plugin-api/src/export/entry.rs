//! The entries of the four kinds, as the table wants them: `extern "C"` functions over an instance of the app.
//!
//! Safety of all of them, which the host promises (see `mysimbdp_abi`): pointers are valid until the call returns,
//! `instance` is what `create` of the same kind wrote and was not destroyed, and calls of one instance do not overlap.

use super::guard::{Failure, catch, guarded, install_hook};
use crate::batch::{BatchIngest, BatchInput};
use crate::bson::DocumentRef;
use crate::check::Check;
use crate::create::{Config, Create};
use crate::metadata::Metadata;
use crate::sink::Sink;
use crate::stream::{Message, StreamIngest};
use core::ffi::c_void;
use mysimbdp_abi::{BatchV1, Bytes, CheckV1, HostV1, InputV1, MessageV1, MetadataV1, StreamV1, status};
use std::marker::PhantomData;
use std::rc::Rc;

/// A batch app's table.
struct Batch<T>(PhantomData<T>);

/// A stream app's table.
struct Stream<T>(PhantomData<T>);

/// A check's table.
struct Checking<T>(PhantomData<T>);

/// The table of a producer of metadata.
struct Describing<T>(PhantomData<T>);

/// The table of a batch app; a type that is none is told so by its name.
pub const fn batch<T: BatchIngest>() -> &'static BatchV1 {
    const { &Batch::<T>::TABLE }
}

/// The table of a stream app.
pub const fn stream<T: StreamIngest>() -> &'static StreamV1 {
    const { &Stream::<T>::TABLE }
}

/// The table of a check.
pub const fn check<T: Check>() -> &'static CheckV1 {
    const { &Checking::<T>::TABLE }
}

/// The table of a producer of metadata.
pub const fn metadata<T: Metadata>() -> &'static MetadataV1 {
    const { &Describing::<T>::TABLE }
}

impl<T: BatchIngest> Batch<T> {
    const TABLE: BatchV1 = BatchV1 { create: create::<T>, ingest: ingest::<T>, destroy: destroy::<T> };
}

impl<T: StreamIngest> Stream<T> {
    const TABLE: StreamV1 = StreamV1 { create: create::<T>, on_message: on_message::<T>, destroy: destroy::<T> };
}

impl<T: Check> Checking<T> {
    const TABLE: CheckV1 = CheckV1 {
        create: create::<T>,
        input: Some(check_input::<T>),
        message: Some(check_message::<T>),
        document: Some(check_document::<T>),
        destroy: destroy::<T>,
    };
}

impl<T: Metadata> Describing<T> {
    const TABLE: MetadataV1 = MetadataV1 {
        create: create::<T>,
        begin: begin::<T>,
        observe: Some(observe::<T>),
        finish: finish::<T>,
        destroy: destroy::<T>,
    };
}

/// Runs one file through a batch app by its table, in this process: for the `testing` module and for benchmarks.
///
/// Returns the status of `create` where it fails, else that of `ingest`.
///
/// # Safety
/// `host` and `input` are valid, as is everything they point to, until this returns.
pub unsafe fn drive<T: BatchIngest>(host: &HostV1, config: Bytes, input: &InputV1) -> i32 {
    let table = batch::<T>();
    let mut instance = core::ptr::null_mut();
    // SAFETY: the caller vouches for `host`; `config` is read before the call returns.
    let created = unsafe { (table.create)(host, config, &raw mut instance) };
    if created != status::OK {
        return created;
    }
    // SAFETY: `create` made the instance, which nothing else uses.
    let ingested = unsafe { (table.ingest)(instance, host, input) };
    // SAFETY: as above; it is not used again.
    unsafe { (table.destroy)(instance) };
    ingested
}

/// An app and its connection to the host.
struct Instance<T> {
    app: T,
    sink: Sink,
}

impl<T> Instance<T> {
    /// # Safety
    /// As at the top of this module.
    unsafe fn enter<'a>(instance: *mut c_void, host: *const HostV1) -> &'a mut Instance<T> {
        // SAFETY: `create` made the pointer of a `Box<Instance<T>>`, and no other call of it is running.
        let instance = unsafe { &mut *instance.cast::<Instance<T>>() };
        // SAFETY: the host's table is valid during this call; the next call renews it before anything uses it.
        unsafe { instance.sink.host().renew(*host) };
        instance
    }
}

unsafe extern "C" fn create<T: Create>(host: *const HostV1, config: Bytes, instance: *mut *mut c_void) -> i32 {
    install_hook();
    let make = || -> Result<(), Failure> {
        // SAFETY: the host's bytes are valid until this call returns.
        let json = unsafe { config.get() }.map(String::from_utf8_lossy);
        let app = T::create(&Config::from_json(json.as_deref()))?;
        // SAFETY: the host's table is valid during this call, and `enter` renews it for each later one.
        let sink = unsafe { Sink::new(*host) };
        let made = Box::into_raw(Box::new(Instance { app, sink }));
        // SAFETY: the host passes a place for the instance.
        unsafe { *instance = made.cast() };
        Ok(())
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, make) }
}

unsafe extern "C" fn destroy<T>(instance: *mut c_void) {
    if instance.is_null() {
        return;
    }
    // What a panic in the app's destructor says, nobody would read any more.
    let _ = catch(|| {
        // SAFETY: `create` made the pointer of a box, and the host destroys it once.
        drop(unsafe { Box::from_raw(instance.cast::<Instance<T>>()) });
    });
}

unsafe extern "C" fn ingest<T: BatchIngest>(instance: *mut c_void, host: *const HostV1, input: *const InputV1) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: the three pointers are valid during this call.
        let (Instance { app, sink }, mut input) = unsafe {
            let instance = Instance::<T>::enter(instance, host);
            let input = open(&instance.sink, &*input);
            (instance, input)
        };
        match app.ingest(&mut input, sink) {
            // The host knows that it ended the run, and why.
            Err(error) if error.is_stopped() => Ok(()),
            ingested => Ok(ingested?),
        }
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}

/// # Safety
/// The input's name and descriptor are valid as long as the result lives.
unsafe fn open(sink: &Sink, input: &InputV1) -> BatchInput {
    // SAFETY: the caller vouches for both.
    unsafe { BatchInput::new(Rc::clone(sink.host()), text(input.name), input.size, input.fd) }
}

/// # Safety
/// The bytes are valid during `'a`.
unsafe fn text<'a>(bytes: Bytes) -> &'a str {
    // SAFETY: the caller vouches for the bytes.
    let bytes = unsafe { bytes.get() };
    bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

unsafe extern "C" fn on_message<T: StreamIngest>(
    instance: *mut c_void,
    host: *const HostV1,
    message: *const MessageV1,
) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: the three pointers, and what the message points to, are valid during this call.
        let (Instance { app, sink }, message) =
            unsafe { (Instance::<T>::enter(instance, host), Message::new(&*message)) };
        app.on_message(&message.channel, &message.method, &message.properties, message.body, sink)?;
        Ok(())
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}

unsafe extern "C" fn check_input<T: Check>(instance: *mut c_void, host: *const HostV1, input: *const InputV1) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: the three pointers are valid during this call.
        let (Instance { app, .. }, mut input) = unsafe {
            let instance = Instance::<T>::enter(instance, host);
            let input = open(&instance.sink, &*input);
            (instance, input)
        };
        Ok(app.input(&mut input)?)
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}

unsafe extern "C" fn check_message<T: Check>(
    instance: *mut c_void,
    host: *const HostV1,
    message: *const MessageV1,
) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: the three pointers, and what the message points to, are valid during this call.
        let (Instance { app, .. }, message) =
            unsafe { (Instance::<T>::enter(instance, host), Message::new(&*message)) };
        Ok(app.message(&message.channel, &message.method, &message.properties, message.body)?)
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}

unsafe extern "C" fn check_document<T: Check>(instance: *mut c_void, host: *const HostV1, document: Bytes) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: the pointers and the document's bytes are valid during this call.
        let (Instance { app, .. }, document) = unsafe { (Instance::<T>::enter(instance, host), document.get()) };
        Ok(app.document(DocumentRef::new(document.unwrap_or_default()))?)
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}

unsafe extern "C" fn begin<T: Metadata>(instance: *mut c_void, host: *const HostV1, subject: Bytes, size: u64) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: the pointers and the subject's bytes are valid during this call.
        let (Instance { app, .. }, subject) = unsafe { (Instance::<T>::enter(instance, host), text(subject)) };
        Ok(app.begin(subject, size)?)
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}

unsafe extern "C" fn observe<T: Metadata>(instance: *mut c_void, host: *const HostV1, document: Bytes) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: the pointers and the document's bytes are valid during this call.
        let (Instance { app, .. }, document) = unsafe { (Instance::<T>::enter(instance, host), document.get()) };
        Ok(app.observe(DocumentRef::new(document.unwrap_or_default()))?)
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}

unsafe extern "C" fn finish<T: Metadata>(instance: *mut c_void, host: *const HostV1) -> i32 {
    let run = || -> Result<(), Failure> {
        // SAFETY: both pointers are valid during this call.
        let Instance { app, sink } = unsafe { Instance::<T>::enter(instance, host) };
        Ok(app.finish(sink)?)
    };
    // SAFETY: the host's table is valid during this call.
    unsafe { guarded(host, run) }
}
